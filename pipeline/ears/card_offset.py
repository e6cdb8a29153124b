"""How far the positions of two sound cards lie apart, from the times that both tell."""

import math
from collections import deque
from statistics import median

from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, ms_to_samples

WINDOW_BLOCKS = 10
"""100 ms: longer than the bursts in which some sound servers deliver their periods."""
_WINDOWS = 11
_SAMPLES_PER_NS = SAMPLE_RATE_HZ / NS_PER_S
_BROKEN_OFF_NS = NS_PER_S
"""A window that began before such a pause says nothing of now."""
_OUTDATED_NS = 5 * NS_PER_S
"""The clocks may have drifted apart meanwhile."""
LOST_SAMPLES = ms_to_samples(100)
"""No card is so late throughout a window: one has lost samples, or was opened again."""


class CardOffset:
    """Takes the times of the loudspeaker and of the microphone, in the order of arrival or of time.

    A callback that runs late tells a late time, and none tells an early one: so the earliest times
    of a window count. A sound server that stands still moves the times of both cards for good: so
    only times of the same window are compared. The median of the latest windows is robust to
    windows in which one card alone was late.

    :param window_pairs: how many times of the microphone make a window.
    :ivar samples: the loudspeaker's position less the microphone's at the same time, at 24 kHz;
        None before both were heard of.
    """

    def __init__(self, window_pairs: int = WINDOW_BLOCKS) -> None:
        self._window_pairs = window_pairs
        self.samples: float | None = None
        self._windows: deque[float] = deque(maxlen=_WINDOWS)
        self._latest_ns = 0  # of the loudspeaker
        self._window_ended_ns = 0
        self._heard_speaker = False  # since the latest block of the microphone
        self._speaker = self._microphone = math.inf  # time less position, the earliest of a window
        self._pairs = 0

    def speaker(self, position: float, time_ns: int) -> None:
        """Take the time of the loudspeaker's sample at `position`."""
        if time_ns - self._latest_ns > _BROKEN_OFF_NS:
            self._begin_window()
        self._latest_ns = time_ns
        self._speaker = min(self._speaker, time_ns * _SAMPLES_PER_NS - position)
        self._heard_speaker = True

    def microphone(self, position: float, time_ns: int) -> None:
        """Take the time of the microphone's sample at `position`."""
        if not self._heard_speaker:
            return
        self._heard_speaker = False
        self._microphone = min(self._microphone, time_ns * _SAMPLES_PER_NS - position)
        self._pairs += 1
        if not self._windows:
            self.samples = self._microphone - self._speaker
        if self._pairs == self._window_pairs:
            self._end_window(time_ns)

    def _begin_window(self) -> None:
        self._speaker = self._microphone = math.inf
        self._pairs = 0

    def _end_window(self, time_ns: int) -> None:
        found = self._microphone - self._speaker
        outdated = time_ns - self._window_ended_ns > _OUTDATED_NS
        if outdated or (self._windows and abs(found - median(self._windows)) > LOST_SAMPLES):
            self._windows.clear()
        self._window_ended_ns = time_ns
        self._windows.append(found)
        self.samples = median(self._windows)
        self._begin_window()
