"""The sound that a client has appended: as 16 kHz, kept for as long as it matters."""

from collections.abc import Iterator

import numpy as np

from pipeline.emulator.audio.formats import InputDecoder, InputFormat
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, WINDOW_SAMPLES, Samples16k
from pipeline.emulator.wire.events import ClientError
from pipeline.pcm import PCM16

_SAMPLES_PER_MS = RATE_16K_HZ // 1_000
_BYTES = 2


class InputAudio:
    """Positions are milliseconds of received sound since the session began."""

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
        """What is appended from now on has this format."""
        self._decoder = InputDecoder(format_)

    @property
    def end_ms(self) -> int:
        return self._end // _SAMPLES_PER_MS

    @property
    def heard_ms(self) -> int:
        """How far `windows` has come."""
        return self._next_window // _SAMPLES_PER_MS

    def check_room(self) -> None:
        """Raise `ClientError` if too much is held already."""
        if self.end_ms - self._first // _SAMPLES_PER_MS > self.LONGEST_MS:
            raise ClientError("input_audio_buffer_full", "Commit or clear the buffer first.")

    def append(self, data: bytes) -> None:
        """Take sound in the given format; raise `ClientError` if it is none."""
        self._held += self._decoder.decode(data).astype(PCM16, copy=False).tobytes()

    def windows(self) -> Iterator[Samples16k]:
        """Yield each window of 512 samples once, in order, as far as they are complete."""
        while self._end - self._next_window >= WINDOW_SAMPLES:
            start = self._next_window
            self._next_window += WINDOW_SAMPLES
            yield self._between(start, self._next_window)

    def skip_windows(self) -> None:
        """What was received so far is no business of `windows`."""
        self._next_window = self._end

    def between(self, start_ms: int, end_ms: int) -> Samples16k:
        """Return a copy of what is still held of that time."""
        return self._between(start_ms * _SAMPLES_PER_MS, end_ms * _SAMPLES_PER_MS)

    def forget_before(self, position_ms: int) -> None:
        """Free what comes before `position_ms`, as far as `windows` has yielded it."""
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
