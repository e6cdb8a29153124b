"""The sound that a client has appended: resampled to 16 kHz, kept for as long as it matters."""

from collections.abc import Iterator

import numpy as np
import soxr

from pipeline.offline.detector import RATE_HZ, WINDOW_SAMPLES
from pipeline.offline.recogniser import Samples16k
from pipeline.offline.wire import ClientError
from pipeline.samples import PCM16

_SAMPLES_PER_MS = RATE_HZ // 1_000
_BYTES = 2


class InputAudio:
    """Positions are milliseconds of received sound since the session began."""

    LONGEST_MS = 15 * 60 * 1_000

    def __init__(self, rate_hz: int) -> None:
        self._held = bytearray()
        self._first = 0
        self._next_window = 0
        self.set_rate(rate_hz)

    def set_rate(self, rate_hz: int) -> None:
        """What is appended from now on has this rate."""
        self.rate_hz = rate_hz
        self._resampler = None
        if rate_hz != RATE_HZ:
            # Neither the detector nor the recogniser gains by more quality; this has no delay.
            self._resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="int16", quality="QQ")

    @property
    def end_ms(self) -> int:
        return self._end // _SAMPLES_PER_MS

    def append(self, pcm: bytes) -> None:
        """Take int16 little-endian mono samples; raise `ClientError` if they are none."""
        if len(pcm) % _BYTES:
            raise ClientError(
                "invalid_value", f"{len(pcm)} bytes are no whole samples of pcm16.", "audio"
            )
        if self.end_ms - self._first // _SAMPLES_PER_MS > self.LONGEST_MS:
            raise ClientError("input_audio_buffer_full", "Commit or clear the buffer first.")
        samples = np.frombuffer(pcm, PCM16)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        self._held += samples.astype(PCM16, copy=False).tobytes()

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
