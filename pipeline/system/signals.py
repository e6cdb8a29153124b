"""Signals: how a terminal, a shell or another program ends this one, at every moment of its life.

Each process takes them in its own way:

    the program         SIGINT raises KeyboardInterrupt, the others raise SystemExit
    its children        none does anything, because the supervisor decides
    what a tool starts  each signal does what it does in any program

A terminal, `timeout` and a service manager send them to all processes of the program at once. A
child that ended by itself then would take with it what it has not handed over yet.
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
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
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
    """Let SIGTERM, SIGQUIT and a closed terminal end the run as cleanly as Ctrl-C does.

    The first of them begins the end; those that follow, as `timeout` and a shell send them, do
    nothing. A signal that is ignored stays ignored, such as SIGHUP under `nohup`.
    """
    start_resource_tracker()

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {
        number: signal.getsignal(number)
        for number in ENDING_SIGNALS
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        for number in before:
            signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start_resource_tracker() -> None:
    """Start the process that unlinks shared memory of killed owners, unless it runs.

    multiprocessing would start it with the first segment or the first child. Starting it unblocks
    SIGINT and SIGTERM, which would leave that child unprotected. It ignores these two itself; the
    others are blocked in it, or a closed terminal would end it before it has tidied up. On a
    terminal it warns of nothing: one that takes nothing would keep it from that too.
    """
    if sys.platform == "win32":
        return
    from multiprocessing import resource_tracker  # slow to import, and `--help` needs none

    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    options = [_NO_WARNINGS] if os.isatty(STDERR_FD) else []
    sys.warnoptions.extend(options)  # it gets the interpreter's options
    try:
        resource_tracker.ensure_running()
    finally:
        del sys.warnoptions[len(sys.warnoptions) - len(options) :]
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ending_signals_blocked() -> Iterator[None]:
    """Hold the ending signals back while a child is started, which inherits the mask.

    None of them can strike the child before it enters `end_left_to_supervisor`.
    """
    if sys.platform == "win32":
        yield
        return
    start_resource_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        with _ending_signals_deferred():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _ending_signals_deferred() -> Iterator[None]:
    """Handle the ending signals at the end of the context.

    The mask is this thread's alone. Another thread, of a progress bar for example, may take a
    signal, and Python would then run its handler in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    struck: list[int] = []
    handlers = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    deferred = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in deferred:
            signal.signal(number, lambda number, _frame: struck.append(number))
        yield
    finally:
        for number, handler in deferred.items():
            signal.signal(number, handler)
        for number in struck:
            signal.raise_signal(number)  # pending until the mask is restored


@contextmanager
def end_left_to_supervisor() -> Iterator[None]:
    """Let the ending signals do nothing in this child process, but end the programs it starts.

    The child ends when the supervisor closes the pipe, or is gone. The handler is a function, not
    SIG_IGN, because programs inherit a signal that is ignored or blocked, while one with a handler
    is theirs again. A signal that is ignored stays ignored, in those programs too.
    """
    handled = [n for n in ENDING_SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, _do_nothing)
    if sys.platform != "win32":
        for number in handled:
            # Python retries an interrupted call (PEP 475); the kernel retries those of C libraries.
            signal.siginterrupt(number, False)
        # The mask of `ending_signals_blocked` ends here; what came meanwhile is handled now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
    try:
        yield
    finally:
        # At its end the interpreter takes handlers away, and a late signal would kill the process.
        for number in handled:
            signal.signal(number, signal.SIG_IGN)


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
