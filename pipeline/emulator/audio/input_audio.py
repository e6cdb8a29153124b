"""The sound that a client has appended, at 16 kHz, kept while it may belong to a turn."""

from collections.abc import Iterator

import numpy as np

from pipeline.emulator.audio.input_formats import InputDecoder, InputFormat
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, WINDOW_SAMPLES, Samples16k
from pipeline.emulator.wire.events import ClientError
from pipeline.pcm import PCM16

_SAMPLES_PER_MS = RATE_16K_HZ // 1_000
_BYTES = 2


class InputAudio:
    """Positions are milliseconds of sound received since the session began."""

    LONGEST_MS = 15 * 60 * 1_000

    def __init__(self, format_: InputFormat) -> None:
        self._held = bytearray()
        self._first = 0
        self._next_window = 0
        self.set_format(format_)

    @property
    def format(self) -> InputFormat:
        return self._decoder.format

    def set_format(self, format_: InputFormat) -> None:
        """Set the format of the sound that is appended from now on."""
        self._decoder = InputDecoder(format_)

    @property
    def end_ms(self) -> int:
        return self._end // _SAMPLES_PER_MS

    @property
    def heard_ms(self) -> int:
        """The position up to which `windows` has yielded."""
        return self._next_window // _SAMPLES_PER_MS

    def check_room(self) -> None:
        """Raise `ClientError` if too much is held already."""
        if self.end_ms - self._first // _SAMPLES_PER_MS > self.LONGEST_MS:
            raise ClientError(
                "input_audio_buffer_full", "The buffer is full: commit or clear it first."
            )

    def append(self, data: bytes) -> None:
        """Add sound in the current format; raise `ClientError` if it is not whole frames."""
        self._held += self._decoder.decode(data).astype(PCM16, copy=False).tobytes()

    def windows(self) -> Iterator[Samples16k]:
        """Yield each complete window of 512 samples once, in order."""
        while self._end - self._next_window >= WINDOW_SAMPLES:
            start = self._next_window
            self._next_window += WINDOW_SAMPLES
            yield self._between(start, self._next_window)

    def skip_windows(self) -> None:
        """Exclude the sound received so far from `windows`."""
        self._next_window = self._end

    def between(self, start_ms: int, end_ms: int) -> Samples16k:
        """Return a copy of this part, as far as it is still held."""
        return self._between(start_ms * _SAMPLES_PER_MS, end_ms * _SAMPLES_PER_MS)

    def forget_before(self, position_ms: int) -> None:
        """Free the sound before `position_ms` that `windows` has yielded."""
        until = min(position_ms * _SAMPLES_PER_MS, self._next_window)
        if until > self._first:
            del self._held[: (until - self._first) * _BYTES]
            self._first = until

    @property
    def _end(self) -> int:
        return self._first + len(self._held) // _BYTES

    def _between(self, start: int, end: int) -> Samples16k:
        first = max(0, start - self._first) * _BYTES
        last = max(0, end - self._first) * _BYTES
        return np.frombuffer(bytes(self._held[first:last]), PCM16)
