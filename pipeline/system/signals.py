"""Signals: how a terminal, a shell or another program ends this one, at every moment of its life.

Each process takes them in its own way:

    the program         SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP raise SystemExit
    its children        SIGINT does nothing, because the supervisor decides; others end them
    what a tool starts  each signal does what it does in any program
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from pipeline.system.stdio import STDERR_FD

ENDING_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]

_NO_WARNINGS = "ignore:resource_tracker"


def accept_sigint() -> None:
    """Let SIGINT raise KeyboardInterrupt, even if this process was started with SIGINT ignored.

    A non-interactive shell ignores SIGINT in what it starts with `&`, so that Ctrl-C ends only
    what runs in the foreground. Here SIGINT is the documented way to end a conversation or a
    service, and scripts start one with `&` and end it with `kill -INT`: without a handler they
    could not. SIGHUP stays ignored if it is, as `nohup` asks for a program that survives its
    terminal.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def interruptible_loading() -> Iterator[None]:
    """Let Ctrl-C end the process at once while modules load; afterwards it raises again.

    A KeyboardInterrupt in the middle of an import would show a traceback, and may crash the
    interpreter inside a library that is not prepared for it, such as numpy. Nothing that needs
    tidying up has begun yet.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # the caller handles it in another way
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def signals_end_the_run() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the run as cleanly as Ctrl-C does.

    A signal that is ignored stays ignored, such as SIGHUP under `nohup`.
    """
    start_resource_tracker()

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {
        number: signal.signal(number, end)
        for number in ENDING_SIGNALS
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start_resource_tracker() -> None:
    """Start the process that unlinks shared memory of killed owners, unless it runs.

    multiprocessing would start it with the first segment or the first child. Starting it unblocks
    SIGINT, which would leave that child unprotected. It ignores SIGINT and SIGTERM itself; SIGHUP
    is blocked in it, or a closed terminal would end it before it has tidied up. On a terminal it
    warns of nothing: one that takes nothing would keep it from that too.
    """
    if sys.platform == "win32":
        return
    from multiprocessing import resource_tracker  # slow to import, and `--help` needs none

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    options = [_NO_WARNINGS] if os.isatty(STDERR_FD) else []
    sys.warnoptions.extend(options)  # it gets the interpreter's options
    try:
        resource_tracker.ensure_running()
    finally:
        del sys.warnoptions[len(sys.warnoptions) - len(options) :]
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Hold SIGINT back while a child is started, which inherits the mask.

    SIGINT cannot strike the child before it enters `sigint_left_to_supervisor`.
    """
    if sys.platform == "win32":
        yield
        return
    start_resource_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _sigint_deferred():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _sigint_deferred() -> Iterator[None]:
    """Handle SIGINT at the end of the context.

    The mask is this thread's alone. Another thread, of a progress bar for example, may take the
    signal, and Python would then raise KeyboardInterrupt in the main thread all the same.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    struck: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: struck.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if struck:
            signal.raise_signal(signal.SIGINT)  # pending until the mask is restored


@contextmanager
def sigint_left_to_supervisor() -> Iterator[None]:
    """Let SIGINT do nothing in this child process, but end the programs that it starts.

    Ctrl-C reaches every process of the terminal. The handler is a function, not SIG_IGN, because
    programs inherit a signal that is ignored or blocked, while one with a handler is theirs again.
    """
    signal.signal(signal.SIGINT, _do_nothing)
    if sys.platform != "win32":
        # Python retries an interrupted call (PEP 475); the kernel retries those of C libraries.
        signal.siginterrupt(signal.SIGINT, False)
        # The mask of `sigint_blocked` ends here; a SIGINT that came meanwhile is handled now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        # At its end the interpreter takes handlers away, and a late SIGINT would kill the process.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def ending_signals_ignored() -> Iterator[None]:
    """Ignore what would interrupt the end of the program; it takes less than a second.

    Nothing to do outside the main thread: no signal is handled there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    pass
