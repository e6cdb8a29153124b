"""Signals: how a terminal ends a program, at every moment of its life."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@contextmanager
def interruptible_loading() -> Iterator[None]:
    """Let Ctrl-C end the process at once while modules load; afterwards it raises again.

    Nothing has been begun yet. A KeyboardInterrupt in the middle of an import would show a person a
    traceback, and may crash the interpreter inside a library that is not prepared for it, such as
    numpy.
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
    """Let SIGTERM and a closed terminal end the run as cleanly as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    others = [number for number in ENDING_SIGNALS if number != signal.SIGINT]
    before = {number: signal.signal(number, end) for number in others}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Hold Ctrl-C back. A child inherits the mask: Ctrl-C cannot strike it before it ignores it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ending_signals_ignored() -> Iterator[None]:
    """Ignore what would interrupt the end of the program; it takes less than a second."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
