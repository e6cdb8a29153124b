"""What a process asks of the system and of Python so that nothing else delays the sound."""

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.system.rtkit import promote_by_rtkit
from pipeline.system.scheduling import (
    keep_in_memory,
    promote_ordinary_threads,
    promote_this_thread,
)

_log = logging.getLogger(__name__)

AUDIO_PRIORITY = 70
"""Above ordinary real-time work."""

NETWORK_PRIORITY = 60
"""A cut begins with an event of the service, and must not wait for a busy processor either."""

HELPER_PRIORITY = 50
"""Helper threads share the GIL with the audio or network thread. If the kernel preempts a helper
that holds it, the other thread waits until the helper runs again."""


EARS_PRIORITY = 4
"""The microphone passes through the ears, which take a tenth of a processor: above ordinary work,
and below sound servers (JACK asks for 10, PipeWire for 20, PulseAudio for 5)."""


def protect_process() -> None:
    """Keep this process's helper threads from being preempted, and its memory from being paged out.

    Call it when all threads run. Helper threads must do next to nothing.
    """
    promote_ordinary_threads(HELPER_PRIORITY)
    keep_in_memory()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch cyclic garbage collection off while audio callbacks run, which make no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


class Promotion:
    """Real-time scheduling for a thread, asked for once; its outcome is logged from any thread.

    :param by_broker: whether rtkit may be asked. After that, the kernel ends the process if its
        thread runs for 200 ms without a pause.
    """

    def __init__(self, priority: int, *, by_broker: bool) -> None:
        self._priority = priority
        self._by_broker = by_broker
        self._asked = False
        self._granted: str | None = None
        self._thread_id = 0
        self._logged = False

    def promote_once(self) -> None:
        """Promote the calling thread, at the first call. An audio callback may call it."""
        if not self._asked:
            self._thread_id = threading.get_native_id()
            self._granted = promote_this_thread(self._priority)
            self._asked = True

    def log_outcome(self) -> None:
        """Log the outcome once, as soon as there is one. Never waits; call it on another thread."""
        if not self._asked or self._logged:
            return
        self._logged = True
        if self._granted is not None or not self._by_broker:
            _log_granted(self._granted)
            return
        # The answer of a busy or broken bus may take a second, and the caller has to see a stop.
        broker = threading.Thread(target=self._ask_broker, name="rtkit", daemon=True)
        try:
            broker.start()
        except RuntimeError:  # the system allows no more threads
            _log_granted(None)

    def _ask_broker(self) -> None:
        _log_granted(promote_by_rtkit(self._thread_id))


def _log_granted(granted: str | None) -> None:
    _log.info(granted or "ordinary priority: the system grants no real-time scheduling")
