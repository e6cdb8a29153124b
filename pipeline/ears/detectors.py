"""Detectors of speech: sound of 16 kHz in, likelihoods of 0 to 1 out."""

from typing import Any, Protocol

import numpy as np

from pipeline.ears.blocks import BLOCK_16K_SAMPLES, Block, to_pcm16
from pipeline.ears.silero import WINDOW_SAMPLES, SileroModel, SileroStream

_EARSHOT_SAMPLES = 256
_STREAMS = 2
_STAGGER_SAMPLES = WINDOW_SAMPLES // _STREAMS
_KEPT_WINDOWS = 8
_KEPT_SAMPLES = _KEPT_WINDOWS * WINDOW_SAMPLES


class Detector(Protocol):
    """Keeps every block; what has been kept while it rested is heard when it is asked again."""

    def keep(self, block: Block) -> None:
        """Take the next 160 samples."""

    def likelihood(self) -> float:
        """Hear what has been kept, and return the likelihood of speech in the latest window."""

    def begin_anew(self) -> None:
        """Forget what was kept: the next block does not follow it."""


class StaggeredSilero:
    """Two Silero streams, 16 ms apart: a new likelihood every 16 ms.

    After a rest each stream begins anew with the latest seven windows or fewer.
    """

    def __init__(self, model: SileroModel) -> None:
        self._streams = [SileroStream(model) for _ in range(_STREAMS)]
        self._next_ends = _first_ends(0)
        self._kept = np.zeros(_KEPT_SAMPLES, np.float32)
        self._count = 0
        self._latest_end = 0
        self._likelihood = 0.0

    def keep(self, block: Block) -> None:
        self._kept[:-BLOCK_16K_SAMPLES] = self._kept[BLOCK_16K_SAMPLES:]
        self._kept[-BLOCK_16K_SAMPLES:] = block
        self._count += BLOCK_16K_SAMPLES

    def likelihood(self) -> float:
        for number in range(_STREAMS):
            self._skip_lost(number)
            while self._next_ends[number] <= self._count:
                self._hear_window(number)
        return self._likelihood

    def begin_anew(self) -> None:
        self._next_ends = _first_ends(self._count)
        for stream in self._streams:
            stream.reset()

    def _skip_lost(self, number: int) -> None:
        """Begin anew if the next window is not kept any more."""
        oldest_end = self._count - _KEPT_SAMPLES + WINDOW_SAMPLES
        missing = oldest_end - self._next_ends[number]
        if missing > 0:
            self._next_ends[number] += -(-missing // WINDOW_SAMPLES) * WINDOW_SAMPLES
            self._streams[number].reset()

    def _hear_window(self, number: int) -> None:
        end = self._next_ends[number]
        last = _KEPT_SAMPLES - (self._count - end)
        probability = self._streams[number].probability(self._kept[last - WINDOW_SAMPLES : last])
        if end > self._latest_end:
            self._latest_end, self._likelihood = end, probability
        self._next_ends[number] = end + WINDOW_SAMPLES


def _first_ends(count: int) -> list[int]:
    """Return where the first window of each stream ends that begins at `count`."""
    return [count + WINDOW_SAMPLES + _STAGGER_SAMPLES * number for number in range(_STREAMS)]


class Earshot:
    """The detector of the package earshot: quick, and content with little sound."""

    def __init__(self) -> None:
        """Raise `ImportError` if its package is not installed."""
        import earshot

        self._detector: Any = earshot.Detector()
        self._kept = np.zeros(_EARSHOT_SAMPLES + BLOCK_16K_SAMPLES, np.int16)
        self._count = 0
        self._likelihood = 0.0

    def keep(self, block: Block) -> None:
        # Rounded, because the model takes sound below one step of PCM16 for possible speech.
        self._kept[self._count : self._count + BLOCK_16K_SAMPLES] = to_pcm16(block)
        self._count += BLOCK_16K_SAMPLES
        if self._count >= _EARSHOT_SAMPLES:
            self._likelihood = self._detector.predict_i16(self._kept[:_EARSHOT_SAMPLES])
            self._count -= _EARSHOT_SAMPLES
            self._kept[: self._count] = self._kept[
                _EARSHOT_SAMPLES : _EARSHOT_SAMPLES + self._count
            ].copy()

    def likelihood(self) -> float:
        return self._likelihood

    def begin_anew(self) -> None:
        self._detector.reset()
        self._count = 0
