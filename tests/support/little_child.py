"""Tiny child processes for tests of supervision; the first argument of `main` names one."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from pipeline.errors import DeviceError
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import CallTool
from pipeline.ipc.events import Log, Notice
from pipeline.ipc.reports import ToolReturned
from pipeline.shm.wakeup import WakeSockets


def main(pipe: "Connection[Any, Any]", kind: str, *args: Any) -> None:
    if kind in BARE:
        BARE[kind](pipe)
    else:
        run_child(pipe, False, partial(SUPERVISED[kind], *args))


def _say(*args: Any) -> None:
    *sentences, link = args
    for sentence in sentences:
        link.report(Notice(sentence))


def _stay(link: SupervisorLink) -> None:
    link.report(Notice(str(os.getpid())))
    while not link.stop_requested(None):
        pass


def _wake(sockets: WakeSockets, link: SupervisorLink) -> None:
    """Tell each of the two sockets by a byte which one it is."""
    sockets.network.send(b"n")
    if sockets.ears is not None:
        sockets.ears.send(b"e")
    link.report(Notice("woken"))


def _say_at_the_end(link: SupervisorLink) -> None:
    _stay(link)
    for n in range(1_000):
        link.report(Notice(str(n)))


def _say_a_lot(link: SupervisorLink) -> None:
    """Report far more than a pipe holds, then stay."""
    for n in range(3_000):
        link.report(Notice(f"{n} " + 100 * "x"))
    _stay(link)


def _echo(link: SupervisorLink) -> None:
    while not link.stopped:
        match link.receive(None):
            case CallTool(call_id, name, arguments):
                link.report(ToolReturned(call_id, f"{name}{arguments}"))


def _expected_failure(_supervised: SupervisorLink) -> None:
    raise DeviceError("No such card: plug one in.")


def _unexpected_failure(_supervised: SupervisorLink) -> None:
    raise ZeroDivisionError("by nought")


class UnpicklableError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.tied_to_this_process = lambda: None


def _unpicklable_failure(_supervised: SupervisorLink) -> None:
    raise UnpicklableError(1, 2)


def _ctrl_c(link: SupervisorLink) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    link.report(Notice("still here"))
    _stay(link)


def _mask(pipe: "Connection[Any, Any]") -> None:
    """Tell what is blocked before the child has done anything about it."""
    pipe.send(Notice(mask_names()))


def mask_names(more: Collection[int] = ()) -> str:
    """Name the signals that this thread blocks, and `more`, in the order of their numbers."""
    blocked = {*signal.pthread_sigmask(signal.SIG_BLOCK, ()), *more}
    return ", ".join(signal.Signals(number).name for number in sorted(blocked))


def _print_and_end(link: SupervisorLink) -> None:
    print("to standard output")  # noqa: T201
    print("to standard error", file=sys.stderr)  # noqa: T201
    os.write(1, b"past Python\n")
    subprocess.run([sys.executable, "-c", "print('a program')"], check=True)
    link.report(Notice("printed"))
    raise DeviceError("No such card.")


def _print_natively(count: int, link: SupervisorLink) -> None:
    """Write while nothing else of this interpreter can run."""
    written = 0
    while written < count:
        written += ctypes.PyDLL(None).write(2, b"x" * (count - written), count - written)
    link.report(Notice(str(written)))
    _stay(link)


def _leave_a_program(pipe: "Connection[Any, Any]") -> None:
    """End, while a program in a session of its own keeps the standard streams."""
    program = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    pipe.send(Notice(str(program.pid)))
    os._exit(4)


def _flood(count: int, link: SupervisorLink) -> None:
    for n in range(count):
        link.report(Log(logging.INFO, "flood", str(n)))
    link.report(ToolReturned("c1", "not lost"))
    _stay(link)


def _crash(_pipe: "Connection[Any, Any]") -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def _stop_in_the_middle_of_a_report(pipe: "Connection[Any, Any]") -> None:
    pipe.send(Notice(str(os.getpid())))
    os.write(pipe.fileno(), b"\0\0\1\0")  # 256 bytes are to follow
    os.kill(os.getpid(), signal.SIGSTOP)


def _send_nonsense(pipe: "Connection[Any, Any]") -> None:
    pipe.send_bytes(b"nonsense")
    pipe.recv()


def _die(_pipe: "Connection[Any, Any]") -> None:
    os._exit(3)


def _ignore_stop(pipe: "Connection[Any, Any]") -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe.send(Notice(str(os.getpid())))
    while True:
        time.sleep(60)


def _hang_up_and_stay(pipe: "Connection[Any, Any]") -> None:
    pipe.send(Notice(str(os.getpid())))
    pipe.close()
    while True:
        time.sleep(60)


BARE: dict[str, Callable[[Any], None]] = {
    "die": _die,
    "mask": _mask,
    "crash": _crash,
    "leave a program": _leave_a_program,
    "stop in the middle of a report": _stop_in_the_middle_of_a_report,
    "send nonsense": _send_nonsense,
    "ignore stop": _ignore_stop,
    "hang up and stay": _hang_up_and_stay,
}
SUPERVISED: dict[str, Callable[..., None]] = {
    "say": _say,
    "wake": _wake,
    "stay": _stay,
    "say at the end": _say_at_the_end,
    "say a lot": _say_a_lot,
    "echo": _echo,
    "expected failure": _expected_failure,
    "unexpected failure": _unexpected_failure,
    "unpicklable failure": _unpicklable_failure,
    "ctrl-c": _ctrl_c,
    "print and end": _print_and_end,
    "print natively": _print_natively,
    "flood": _flood,
}
