"""Whether the times that the cards tell can be right: by where the echo is found.

A driver that tells nonsense puts the reference beside the wrong sound: nothing of the echo would be
removed, and all of it would pass for a person.
"""

import numpy as np

from pipeline.ears.blocks import to_float
from pipeline.ears.correlation import Correlator, whitened
from pipeline.pcm import BLOCK_SAMPLES, Samples, ms_to_samples

WINDOW_SAMPLES = 64 * BLOCK_SAMPLES
"""640 ms of the microphone: it holds some words."""
REACH_SAMPLES = ms_to_samples(1_000)
"""So far may the times be wrong: PortAudio's are not believed beyond."""
REFERENCE_SAMPLES = WINDOW_SAMPLES + 2 * REACH_SAMPLES
_SIZE = 1 << 16
"""Of the transforms: no less than the reference."""
_USUAL_DELAYS_SAMPLES = (-ms_to_samples(5), ms_to_samples(60))
"""Of an echo at a card whose times are right: from the loudspeaker through the room."""
_LIKELY_DELAY_SAMPLES = ms_to_samples(5)
_FOUND = 12.0
"""Times what is usual. In simulated rooms half of the echoes gave 13 to 42 and more, and persons at
most 10."""
_SAME_SAMPLES = ms_to_samples(5)
_MOST_WINDOWS = 40
_correlator = Correlator(_SIZE)


class CardTimes:
    """Takes the microphone's blocks while an answer sounds, until the echo is where it can be."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Other times may be told from now on."""
        self._blocks: list[Samples] = []
        self._next = 0  # position of the block that follows
        self._windows_left = _MOST_WINDOWS  # of headphones none shows an echo
        self._found: int | None = None

    def take(self, position: int, microphone: Samples) -> bool:
        """Take the block at `position`; whether `wrong_by` can be asked."""
        if not self._windows_left:
            return False
        if position != self._next:
            self._blocks.clear()
        self._blocks.append(microphone)
        self._next = position + BLOCK_SAMPLES
        return len(self._blocks) * BLOCK_SAMPLES == WINDOW_SAMPLES

    def wrong_by(self, reference: Samples) -> int:
        """Return how many samples too late the echo is heard; 0: it is not, or this is not known.

        :param reference: as of `echo_delay`, for the blocks that were taken.
        """
        delay = echo_delay(np.concatenate(self._blocks), reference)
        self._blocks.clear()
        self._windows_left -= 1
        if delay is None:
            return 0
        if is_usual(delay):
            self._windows_left = 0
            return 0
        found, self._found = self._found, delay
        confirmed = found is not None and abs(found - delay) <= _SAME_SAMPLES
        return delay - _LIKELY_DELAY_SAMPLES if confirmed else 0


def echo_delay(microphone: Samples, reference: Samples) -> int | None:
    """Return how many samples later than in the reference the echo is heard; None: it is not found.

    :param microphone: `WINDOW_SAMPLES`
    :param reference: `REFERENCE_SAMPLES`, the middle ones of the same time as the microphone's
    """
    sound = _correlator.spectrum(to_float(microphone))
    played = whitened(_correlator.spectrum(to_float(reference)))
    alike = np.roll(_correlator.compare(sound, played)[::-1], 1)  # by where in the reference it is
    first, last = (REACH_SAMPLES - delay for delay in reversed(_USUAL_DELAYS_SAMPLES))
    expected = first + int(np.argmax(alike[first : last + 1]))
    likeliest = int(np.argmax(alike[: 2 * REACH_SAMPLES + 1]))
    for at in (expected, likeliest):
        if alike[at] >= _FOUND:
            return REACH_SAMPLES - at
    return None


def is_usual(delay_samples: int) -> bool:
    """Whether an echo of this delay can be that of a card whose times are right."""
    least, most = _USUAL_DELAYS_SAMPLES
    return least <= delay_samples <= most
