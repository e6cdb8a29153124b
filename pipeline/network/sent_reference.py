"""What sounds beside the microphone, as the second channel of what is sent."""

from bisect import bisect_left

import numpy as np

from pipeline.pcm import PCM16, Samples
from pipeline.shm.ring import RingReader


class SentReference:
    """Finds what sounds beside each frame of the microphone, by its place in all that was captured.

    A frame that did not pass through the ears has none: silence takes its place.
    """

    def __init__(self, reader: RingReader) -> None:
        self._reader = reader

    def beside(self, samples: Samples, frame_position: int, offset: int) -> Samples:
        """Return `samples`, each followed by what sounds with it: shape ``(2 * n,)``.

        :param frame_position: where their frame begins in all that was captured.
        :param offset: where they begin in their frame.
        """
        both = np.zeros((len(samples), 2), PCM16)
        both[:, 0] = samples
        behind = self._first_from(frame_position)
        reference = self._reader.front(behind)
        if reference is not None and reference.item_offset_samples == frame_position:
            both[:, 1] = reference.samples[offset : offset + len(samples)]
        return both.reshape(-1)

    def release(self, frame_position: int) -> None:
        """Give back what sounds beside frames that begin before `frame_position`."""
        self._reader.advance(self._first_from(frame_position))

    def _first_from(self, frame_position: int) -> int:
        """Return how many waiting frames begin before `frame_position`."""
        waiting = range(self._reader.fill_frames())
        return bisect_left(waiting, frame_position, key=self._position)

    def _position(self, behind: int) -> int:
        frame = self._reader.front(behind)
        return 0 if frame is None else frame.item_offset_samples
