"""Opens a card, and waits for one that has worked before and has gone.

PortAudio cannot recover in one process: after the sound server has died, stopping a stream hangs,
and no device is seen as long as that stream exists. So a process whose card has gone ends with
`CardLostError`, and the supervisor starts another one, which begins here.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.audio.adaptive_period import AdaptivePeriodStream, AnyStream
from pipeline.audio.selection import DeviceChoice
from pipeline.errors import DeviceError
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.events import Notice
from pipeline.shm.atomics import Word
from pipeline.shm.fields import CaptureFields, PlaybackFields

RETRY_S = 0.5


def open_when_there(
    choice: DeviceChoice,
    open_stream: Callable[[], AdaptivePeriodStream[AnyStream]],
    words: CaptureFields | PlaybackFields,
    link: SupervisorLink,
) -> AdaptivePeriodStream[AnyStream] | None:
    """Open the card or file; None if the supervisor says stop before it is there.

    :param words: of this process, and of those before it.
    :raises DeviceError, WavError: it cannot be opened, and has not worked in this conversation.
    """
    if not choice.is_device or not words.callback_ns.load():
        return open_stream()
    with _beating(words.heartbeat_ns):
        while True:
            try:
                adaptive = open_stream()
                break
            except DeviceError:  # not there yet, or still busy
                if link.stop_requested(RETRY_S):
                    return None
    described = adaptive.stream.description
    if not described.startswith(choice.name):
        link.report(Notice(f"{choice.name} has gone. From now on: {described}."))
    return adaptive


@contextmanager
def _beating(heartbeat_ns: Word) -> Iterator[None]:
    """Let this process count as at work, although a sound server may hold it up."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(RETRY_S):
            heartbeat_ns.store(time.monotonic_ns())

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
