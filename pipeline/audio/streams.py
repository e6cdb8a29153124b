"""What capture and playback expect of a stream, be it to a device or to a file on a clock.

A stream calls back once per period, on a thread of its own. The callback may neither wait nor
print. `rate_hz` is the device's own; capture and playback convert from and to 24 kHz.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from pipeline.pcm import Samples

Direction = Literal["input", "output"]

OnPeriod = Callable[[bytes, int], None]
"""Called with a period's samples, mono int16 in the machine's byte order, and the
``time.monotonic_ns`` at which the first of them was captured."""

Render = Callable[[Samples, int], None]
"""Called with an array, shape ``(n,)``, to fill completely, and the ``time.monotonic_ns`` at which
its first sample will leave the loudspeaker. The stream may give the same array again, but does not
change it."""


PrepareThread = Callable[[], None]
"""Called once on a stream's thread, before its first period."""


class AudioStream(Protocol):
    """An open stream in one direction."""

    rate_hz: int
    description: str

    @property
    def clock_start_ns(self) -> int:
        """``time.monotonic_ns`` at which the first sample passed between stream and pipeline.

        0 before `start`, and where only the device itself knows.
        """

    def check(self) -> None:
        """Raise a PipelineError if the stream has stopped by itself."""

    def close(self) -> None:
        """Stop the callbacks and release the device; nothing is called after this returns."""


class Microphone(AudioStream, Protocol):
    ended: bool
    """Whether all of a recording, and a frame's length of silence after it, has been given. A real
    microphone never ends."""

    def start(self, on_period: OnPeriod, prepare_thread: PrepareThread) -> None: ...


class Speaker(AudioStream, Protocol):
    def start(self, render: Render, prepare_thread: PrepareThread) -> None: ...
