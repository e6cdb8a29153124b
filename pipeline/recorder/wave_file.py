"""conversation.wav: stereo PCM16 at 24 kHz, left the microphone, right what really sounded.

The two sides arrive at different times, and late: they are put together in a window of the latest
seconds, of which each `flush` writes what has changed. The header is written again after the
samples, so that a recorder that is killed leaves a readable file.
"""

import os
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.audio.recording_file import HEADER_BYTES, header
from pipeline.pcm import PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples
from pipeline.system.files import OPEN_BINARY

LEFT: Final = 0
RIGHT: Final = 1
CHANNELS: Final = 2
_FRAME_BYTES = CHANNELS * SAMPLE_BYTES
_WINDOW = 16 * SAMPLE_RATE_HZ
_KEPT = 8 * SAMPLE_RATE_HZ
"""How much of the past can still be changed when the window has moved; far longer than one side is
behind the other."""


class WaveFile:
    """Takes samples at places. Places that nothing was put at are silent.

    A file that holds sound is continued.

    :ivar end: number of samples a channel that are in the file or wait for `flush`.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | OPEN_BINARY, 0o600)
        data_bytes = max(0, os.fstat(self._file).st_size - HEADER_BYTES)
        self.end = data_bytes // _FRAME_BYTES
        self._window = np.zeros((_WINDOW, CHANNELS), PCM16)
        self._begin = max(0, self.end - _KEPT)  # place of the window's first sample
        self._dirty_from = self._dirty_until = self.end
        self._reload()

    def put(self, channel: int, place: int, samples: Samples) -> int:
        """Put samples, 8 s at most, on one side; returns how many came too late to be put.

        Also without samples the recording reaches to `place`.
        """
        late = min(len(samples), max(0, self._begin - place))
        place, samples = place + late, samples[late:]
        end = place + len(samples)
        self.end = max(self.end, end)
        if not len(samples):
            return late
        if end > self._begin + _WINDOW:
            self._move(end - _KEPT)
        at = place - self._begin
        self._window[at : at + len(samples), channel] = samples
        if self._dirty_from == self._dirty_until:
            self._dirty_from, self._dirty_until = place, end
        self._dirty_from = min(self._dirty_from, place)
        self._dirty_until = max(self._dirty_until, end)
        return late

    def flush(self) -> None:
        """Write what has changed.

        :raises OSError: the disk is full, for example. What was written before stays readable.
        """
        begin = self._dirty_from - self._begin
        changed = self._window[begin : self._dirty_until - self._begin]
        os.lseek(self._file, HEADER_BYTES + self._dirty_from * _FRAME_BYTES, os.SEEK_SET)
        left = memoryview(changed.tobytes())
        try:
            while left:
                left = left[os.write(self._file, left) :]
            if os.fstat(self._file).st_size < HEADER_BYTES + self.end * _FRAME_BYTES:
                os.ftruncate(self._file, HEADER_BYTES + self.end * _FRAME_BYTES)
        finally:
            # Samples first, then the header that counts them: after a kill in between, the header
            # tells of the samples before.
            self._write_header()
        self._dirty_from = self._dirty_until = self.end

    def close(self) -> None:
        os.close(self._file)

    def _write_header(self) -> None:
        size = max(0, os.fstat(self._file).st_size - HEADER_BYTES)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, header(size - size % _FRAME_BYTES, CHANNELS))

    def _move(self, begin: int) -> None:
        """Let the window begin at `begin`; what lies before cannot be changed any more."""
        self.flush()
        kept = self._window[begin - self._begin :].copy()  # empty after a long pause
        self._window[:] = 0
        self._window[: len(kept)] = kept
        self._begin = begin

    def _reload(self) -> None:
        os.lseek(self._file, HEADER_BYTES + self._begin * _FRAME_BYTES, os.SEEK_SET)
        data = os.read(self._file, (self.end - self._begin) * _FRAME_BYTES)
        samples = np.frombuffer(data[: len(data) - len(data) % _FRAME_BYTES], PCM16)
        self._window[: len(samples) // CHANNELS] = samples.reshape(-1, CHANNELS)
