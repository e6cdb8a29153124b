"""Ctrl-C while modules load: the program just ends, as nothing has been begun yet.

Python would raise KeyboardInterrupt in the middle of an import. That shows a person a traceback,
and may crash the interpreter inside a library that is not prepared for it, such as numpy.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible_loading() -> Iterator[None]:
    """Let Ctrl-C end the process at once; afterwards it raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # whoever started us, or calls us, handles it in another way
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
