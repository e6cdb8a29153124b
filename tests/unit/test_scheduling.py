"""Real-time scheduling is a wish: whatever the system says, the program goes on and logs it."""

import ctypes
import errno
import logging
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from jeepney import HeaderFields, Message, Parser, new_error, new_method_return

from pipeline.system import realtime, rtkit, scheduling
from pipeline.system.realtime import AUDIO_PRIORITY, Promotion, protect_process
from pipeline.system.rtkit import promote_by_rtkit
from pipeline.system.scheduling import (
    keep_in_memory,
    promote_ordinary_threads,
    promote_this_thread,
    yield_processor,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what it grants")

ORDINARY = "ordinary priority: the system grants no real-time scheduling"
JOIN_S = 60
HIGHEST = 20
"""The highest priority that the test's rtkit grants."""


# What this machine grants, asked without the program.


def real_time_granted() -> bool:
    """Whether this user may have `AUDIO_PRIORITY`: in a process of its own, which ends then."""
    ask = f"import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param({AUDIO_PRIORITY}))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False)
    return done.returncode == 0


def locked_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmLck:")[2].split()[0])


def in_a_thread(function: Callable[[], object]) -> None:
    """Run `function` in a thread of its own, whose scheduling ends with it."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised again by the test itself
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(JOIN_S)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_a_thread_gets_what_this_machine_grants() -> None:
    granted = real_time_granted()

    def check() -> None:
        outcome = promote_this_thread(AUDIO_PRIORITY)
        policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
        if granted:
            assert outcome == f"real-time priority {AUDIO_PRIORITY} (SCHED_FIFO)"
            assert policy == os.SCHED_FIFO
            assert os.sched_getparam(0).sched_priority == AUDIO_PRIORITY
        else:
            assert outcome is None
            assert policy == os.SCHED_OTHER

    in_a_thread(check)


def test_what_a_promoted_thread_starts_is_not_promoted() -> None:
    ask = "import os; print(os.sched_getscheduler(0) == os.SCHED_OTHER)"

    def check() -> None:
        promote_this_thread(AUDIO_PRIORITY)
        assert subprocess.check_output([sys.executable, "-c", ask], text=True).strip() == "True"

    in_a_thread(check)


def test_ordinary_threads_are_promoted_as_this_machine_grants() -> None:
    """In a process of its own, because the main thread is promoted with the others."""
    script = f"""
import os, threading
from pipeline.system.scheduling import promote_ordinary_threads, promote_this_thread
stop = threading.Event()
def audio():
    promote_this_thread({AUDIO_PRIORITY}); ready.wait(); stop.wait()
ready = threading.Barrier(3)
threads = [
    threading.Thread(target=audio),
    threading.Thread(target=lambda: (ready.wait(), stop.wait())),
]
for thread in threads:
    thread.start()
ready.wait()
promote_ordinary_threads({AUDIO_PRIORITY - 20})
for thread in (threading.main_thread(), *threads):
    print(os.sched_getparam(thread.native_id).sched_priority)
stop.set()
"""
    said = subprocess.check_output([sys.executable, "-c", script], text=True)
    low, high = (AUDIO_PRIORITY - 20, AUDIO_PRIORITY) if real_time_granted() else (0, 0)
    assert [int(line) for line in said.split()] == [low, high, low]


def test_memory_is_locked_if_the_limits_allow_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    library = ctypes.CDLL(None, use_errno=True)
    allowed = library.mlockall(1 | 4) == 0
    library.munlockall()
    assert locked_kb() == 0
    try:
        keep_in_memory()
        assert (locked_kb() > 0) is allowed
        assert bool(caplog.messages) is not allowed
    finally:
        library.munlockall()


# Refusals of the system.


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.ESRCH])
def test_a_refusal_of_any_kind_is_no_error(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert promote_this_thread(AUDIO_PRIORITY) is None
    promote_ordinary_threads(AUDIO_PRIORITY)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_system_without_the_calls_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.delattr(os, "sched_setscheduler")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())  # has no mlockall
    assert promote_this_thread(AUDIO_PRIORITY) is None
    protect_process()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    (message,) = caplog.messages
    assert message.startswith("memory may be paged out: ")
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_memory_that_may_not_be_locked_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(scheduling, "_lock_memory", refuse)
    keep_in_memory()
    assert caplog.messages == [f"memory may be paged out: [Errno {errno.ENOMEM}] {os.strerror(12)}"]
    assert {record.levelno for record in caplog.records} == {logging.INFO}


# rtkit, behind a system bus of the test's own.


class SystemBus:
    """A real socket on which a bus listens; `serve` talks with the one client that connects."""

    def __init__(self, listener: socket.socket, serve: Callable[["BusClient"], None]) -> None:
        self._listener = listener
        self._serve = serve
        self.calls: list[Message] = []

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            try:
                self._serve(BusClient(connection, self.calls))
                while connection.recv(4_096):  # until the client gives up
                    pass
            except OSError:  # the client has gone in the middle of an answer
                pass


class BusClient:
    """The client's end of the bus's connection."""

    def __init__(self, connection: socket.socket, calls: list[Message]) -> None:
        self.connection = connection
        self._parser = Parser()
        self._calls = calls

    def read_sign_in(self) -> bytes:
        return self.connection.recv(4_096)

    def accept_sign_in(self) -> None:
        assert self.read_sign_in().startswith(b"\0AUTH EXTERNAL ")
        self.connection.sendall(b"OK 1234deadbeef\r\n")
        left = b"BEGIN\r\n"
        while left:
            left = left[len(self.connection.recv(len(left))) :]

    def read_call(self) -> Message:
        while (message := self._parser.get_next_message()) is None:
            data = self.connection.recv(4_096)
            if not data:
                raise ConnectionResetError
            self._parser.add_data(data)
        self._calls.append(message)
        return message

    def answer(self, signature: str, *body: object) -> None:
        self.reply(new_method_return(self.read_call(), signature, body))

    def refuse(self, name: str) -> None:
        self.reply(new_error(self.read_call(), name, "s", ("no",)))

    def reply(self, message: Message) -> None:
        self.connection.sendall(message.serialise(serial=1))


StartBus = Callable[[Callable[[BusClient], None]], AbstractContextManager[SystemBus]]


@pytest.fixture
def system_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StartBus:
    path = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path}")

    @contextmanager
    def start(serve: Callable[[BusClient], None]) -> Iterator[SystemBus]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            bus = SystemBus(listener, serve)
            thread = threading.Thread(target=bus.run)
            thread.start()
            try:
                yield bus
            finally:
                thread.join(JOIN_S)
                assert not thread.is_alive()

    return start


@pytest.fixture
def run_time_limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Take the place of setrlimit: a limit of this process could not be raised again."""
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))
    return limits


def hello(client: BusClient) -> None:
    client.accept_sign_in()
    client.answer("s", ":1.1")


def grant(client: BusClient) -> None:
    hello(client)
    client.answer("v", ("i", HIGHEST))
    client.answer("")


def reject(client: BusClient) -> None:
    client.read_sign_in()
    client.connection.sendall(b"REJECTED EXTERNAL\r\n")


def send_garbage_at_once(client: BusClient) -> None:
    client.connection.sendall(bytes(range(256)) + b"\r\n")


def send_garbage_without_end(client: BusClient) -> None:
    client.accept_sign_in()
    while True:
        client.connection.sendall(b"l\x02\x00\x01" + b"\xff" * 60)


def send_garbage_for_a_reply(client: BusClient) -> None:
    client.accept_sign_in()
    client.read_call()
    client.connection.sendall(b"X" + bytes(range(255)))


def announce_gigabytes(client: BusClient) -> None:
    client.accept_sign_in()
    client.read_call()
    client.connection.sendall(struct.pack("<cBBBIII", b"l", 2, 0, 1, 0x7FFFFFFF, 1, 0x7FFFFFF0))


def close_at_once(client: BusClient) -> None:
    client.connection.shutdown(socket.SHUT_RDWR)


def close_after_sign_in(client: BusClient) -> None:
    client.accept_sign_in()
    client.connection.shutdown(socket.SHUT_RDWR)


def close_instead_of_a_grant(client: BusClient) -> None:
    hello(client)
    client.answer("v", ("i", HIGHEST))
    client.read_call()
    client.connection.shutdown(socket.SHUT_RDWR)


def say_nothing(_client: BusClient) -> None:
    return


def say_nothing_after_sign_in(client: BusClient) -> None:
    client.accept_sign_in()


def answer_other_calls_for_ever(client: BusClient) -> None:
    client.accept_sign_in()
    call = client.read_call()
    call.header.serial += 1_000
    while True:
        client.reply(new_method_return(call, "s", (":1.1",)))


def refuse_hello(client: BusClient) -> None:
    client.accept_sign_in()
    client.refuse("org.freedesktop.DBus.Error.LimitsExceeded")


def know_no_rtkit(client: BusClient) -> None:
    hello(client)
    client.refuse("org.freedesktop.DBus.Error.ServiceUnknown")


def refuse_the_thread(client: BusClient) -> None:
    hello(client)
    client.answer("v", ("i", HIGHEST))
    client.refuse("org.freedesktop.DBus.Error.AccessDenied")


def answer_with_text(client: BusClient) -> None:
    hello(client)
    client.answer("v", ("s", "highest"))


def answer_with_too_much(client: BusClient) -> None:
    hello(client)
    client.answer("ii", HIGHEST, HIGHEST)


def answer_with_nothing(client: BusClient) -> None:
    hello(client)
    client.answer("")


@pytest.mark.parametrize(
    ("serve", "logged"),
    [
        (reject, "AuthenticationError"),
        (send_garbage_at_once, "AuthenticationError"),
        (send_garbage_without_end, ""),
        (send_garbage_for_a_reply, ""),
        (announce_gigabytes, ""),
        (close_at_once, "Error: "),
        (close_after_sign_in, "Error: "),
        (close_instead_of_a_grant, "Error: "),
        (say_nothing, "TimeoutError"),
        (say_nothing_after_sign_in, "TimeoutError"),
        (answer_other_calls_for_ever, "TimeoutError"),
        (refuse_hello, "LimitsExceeded"),
        (know_no_rtkit, "ServiceUnknown"),
        (refuse_the_thread, "AccessDenied"),
        (answer_with_text, "ValueError"),
        (answer_with_too_much, "Error: "),
        (answer_with_nothing, "Error: "),
    ],
)
@pytest.mark.usefixtures("run_time_limits")
def test_whatever_the_bus_does_nothing_is_granted_and_a_line_is_logged(
    system_bus: StartBus,
    serve: Callable[[BusClient], None],
    logged: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That the wait is bounded shows by the end of the test."""
    caplog.set_level(logging.INFO)
    with system_bus(serve):
        assert promote_by_rtkit(threading.get_native_id()) is None
    (record,) = caplog.records
    assert record.getMessage().startswith("rtkit grants nothing: ")
    assert logged in record.getMessage()
    assert record.levelno == logging.INFO


def test_rtkit_is_asked_for_its_highest_priority(
    system_bus: StartBus, run_time_limits: list[tuple[int, int]]
) -> None:
    with system_bus(grant) as bus:
        assert promote_by_rtkit(4_711) == f"real-time priority {HIGHEST} (rtkit)"
    members = [call.header.fields[HeaderFields.member] for call in bus.calls]
    assert members == ["Hello", "Get", "MakeThreadRealtime"]
    assert bus.calls[-1].body == (4_711, HIGHEST)
    assert run_time_limits == [(200_000, 200_000)]


def test_a_run_time_limit_that_is_lower_stays(
    system_bus: StartBus,
    run_time_limits: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (5_000, 100_000))
    with system_bus(grant):
        assert promote_by_rtkit(1) is not None
    assert run_time_limits == [(100_000, 100_000)]


@pytest.mark.parametrize("error", [ValueError("not allowed to raise maximum limit"), OSError(1)])
def test_a_run_time_limit_that_cannot_be_set_is_no_error(
    system_bus: StartBus,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with system_bus(grant) as bus:
        assert promote_by_rtkit(1) is None
    assert len(bus.calls) == 2, "no thread is promoted without the limit"
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("address", ["unix:path={}/no_bus", "nonsense", "tcp:host=127.0.0.1", ""])
def test_without_a_system_bus_nothing_is_granted(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address.format(tmp_path))
    assert promote_by_rtkit(threading.get_native_id()) is None


def test_without_jeepney_nothing_is_granted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setitem(sys.modules, "jeepney", None)
    assert promote_by_rtkit(threading.get_native_id()) is None
    assert len(caplog.messages) == 1


# The outcome, logged once.


def join_broker() -> None:
    for thread in threading.enumerate():
        if thread.name == "rtkit":
            thread.join(JOIN_S)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("at_once", "by_broker", "logged"),
    [
        ("at once", None, "at once"),
        (None, "by the broker", "by the broker"),
        (None, None, ORDINARY),
    ],
)
def test_the_outcome_is_logged_once(
    at_once: str | None,
    by_broker: str | None,
    logged: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[int] = []

    def answer(thread_id: int) -> str | None:
        asked.append(thread_id)
        return by_broker

    monkeypatch.setattr(realtime, "promote_this_thread", lambda _: at_once)
    monkeypatch.setattr(realtime, "promote_by_rtkit", answer)
    caplog.set_level(logging.INFO)
    promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
    promotion.log_outcome()  # there is none yet
    promotion.promote_once()
    for _ in range(3):
        promotion.log_outcome()
    join_broker()
    assert caplog.messages == [logged]
    assert asked == ([] if at_once else [threading.get_native_id()])


def test_a_silent_bus_does_not_hold_up_who_logs_the_outcome(
    system_bus: StartBus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    returned = threading.Event()

    def close_after_the_return(client: BusClient) -> None:
        assert returned.wait(JOIN_S)
        client.connection.shutdown(socket.SHUT_RDWR)

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(realtime, "promote_this_thread", lambda _: None)
    monkeypatch.setattr(rtkit, "WAIT_S", JOIN_S)
    with system_bus(close_after_the_return):
        promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
        promotion.promote_once()
        promotion.log_outcome()
        assert caplog.messages == []
        returned.set()
        join_broker()
    assert caplog.messages[-1] == ORDINARY


def test_without_a_thread_to_ask_it_the_outcome_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(realtime, "promote_this_thread", lambda _: None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
    promotion.promote_once()
    promotion.log_outcome()
    assert caplog.messages == [ORDINARY]


def test_a_thread_that_may_run_long_is_not_handed_to_the_broker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(realtime, "promote_this_thread", lambda _: None)
    monkeypatch.setattr(realtime, "promote_by_rtkit", asked.append)
    caplog.set_level(logging.INFO)
    promotion = Promotion(AUDIO_PRIORITY, by_broker=False)
    promotion.promote_once()
    promotion.log_outcome()
    join_broker()
    assert caplog.messages == [ORDINARY]
    assert asked == []


@pytest.mark.parametrize(("added", "expected"), [(0, 5), (12, 17), (18, 19), (19, 19)])
def test_a_thread_that_yields_goes_behind_its_own_place(added: int, expected: int) -> None:
    """Only this thread: on Linux a niceness is a thread's."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def give_way() -> None:
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(19, own + added))
        yield_processor()
        found.append(os.getpriority(os.PRIO_PROCESS, thread))

    giving_way = threading.Thread(target=give_way)
    giving_way.start()
    giving_way.join(JOIN_S)
    assert found == [min(19, own + expected)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
