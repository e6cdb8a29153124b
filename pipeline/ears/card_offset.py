"""How far the positions of two sound cards lie apart, from the times that both tell."""

import math
from collections import deque
from statistics import median

from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ

WINDOW_BLOCKS = 10
"""100 ms: longer than the bursts in which some sound servers deliver their periods."""
_WINDOWS = 11
_DOUBTED_PAIRS = 5
"""As long a card's times stay where they strayed to, before they are believed."""
_LONGEST_DOUBT = 6
"""So often they may not stay. Then they are more uncertain than they were."""
_SAMPLES_PER_NS = SAMPLE_RATE_HZ / NS_PER_S
_STRAY_SAMPLES = SAMPLE_RATE_HZ // 50
"""Few callbacks are so late, if the times of a card are not more uncertain anyway."""
JUMP_SAMPLES = SAMPLE_RATE_HZ * 3 // 1_000
"""A card whose times move by more for good has lost samples, or was opened again."""


class _Card:
    """The times of one card, each less its position, in samples.

    :ivar earliest: of those in a window that count.
    :ivar strays: whether the latest time is far from those of the window before.
    """

    def __init__(self) -> None:
        self.strays = False
        self._time = math.nan
        self._level, self._spread = math.nan, math.inf  # of the window before
        self.begin_window()

    def begin_window(self) -> None:
        self.earliest = self._lowest = math.inf
        self._highest = -math.inf

    def end_window(self) -> None:
        self.strays = False
        self._level, self._spread = self._lowest, self._highest - self._lowest
        self.begin_window()

    def take(self, position: float, time_ns: int) -> bool:
        """Take a time; returns whether it begins or ends to stray."""
        self._time = time_ns * _SAMPLES_PER_NS - position
        self._lowest = min(self._lowest, self._time)
        self._highest = max(self._highest, self._time)
        strayed, uncertainty = self.strays, max(_STRAY_SAMPLES, 2 * self._spread)
        self.strays = abs(self._time - self._level) > uncertainty
        return self.strays != strayed

    def count(self) -> None:
        """Let the latest time count in the window."""
        self.earliest = min(self.earliest, self._time)

    @property
    def stays(self) -> bool:
        """Whether it is no late callback, after which the next ones catch up."""
        return self._highest - self._lowest <= max(JUMP_SAMPLES, self._spread)


class CardOffset:
    """Takes the times of the loudspeaker and of the microphone, in the order of arrival or of time.

    A callback that runs late tells a late time, and none tells an early one: so the earliest times
    of a window count. A sound server that stands still moves the times of both cards for good: so
    only times of the same window are compared. The median of the latest windows is robust to
    windows in which one card alone was late. If the times of a card stray, the next few tell
    whether it was away, and then no earlier window counts.

    :param window_pairs: how many times of the microphone make a window.
    :ivar samples: the loudspeaker's position less the microphone's at the same time, at 24 kHz;
        None before both were heard of.
    :ivar jumps: how often a card was away.
    :ivar odd: whether the latest window spoke against `samples`.
    """

    def __init__(self, window_pairs: int = WINDOW_BLOCKS) -> None:
        self._window_pairs = window_pairs
        self.samples: float | None = None
        self.jumps = 0
        self.odd = False
        self._windows: deque[float] = deque(maxlen=_WINDOWS)
        self._speaker, self._microphone = _Card(), _Card()
        self._heard_speaker = False  # since the latest block of the microphone
        self._strayed_ns = 0  # the loudspeaker: the microphone may still tell times from before
        self._pairs = 0
        self._doubts = 0  # how often doubted times did not stay

    @property
    def doubtful(self) -> bool:
        """Whether the times of a card stray, and it is not known yet why."""
        return self._speaker.strays or self._microphone.strays

    def speaker(self, position: float, time_ns: int) -> None:
        """Take the time of the loudspeaker's sample at `position`."""
        if self._speaker.take(position, time_ns):
            self._begin_window()
            self._strayed_ns = time_ns if self._speaker.strays else 0
        self._speaker.count()
        self._heard_speaker = True

    def microphone(self, position: float, time_ns: int) -> bool:
        """Take the time of the microphone's sample at `position`; returns whether a window ends."""
        if self._microphone.take(position, time_ns):
            self._begin_window()
        if not self._heard_speaker or time_ns < self._strayed_ns:
            return False
        self._heard_speaker = False
        self._microphone.count()
        self._pairs += 1
        apart = self._microphone.earliest - self._speaker.earliest
        if not self._windows:
            self.samples = apart
        if self._pairs < (_DOUBTED_PAIRS if self.doubtful else self._window_pairs):
            return False
        stay = self._speaker.stays and self._microphone.stays
        if self.doubtful and not stay and self._doubts < _LONGEST_DOUBT:
            self._doubts += 1
            self._begin_window()
            return False
        self._end_window(apart)
        return True

    def _begin_window(self) -> None:
        self._speaker.begin_window()
        self._microphone.begin_window()
        self._pairs = 0
        self._heard_speaker = False

    def _end_window(self, apart: float) -> None:
        self.odd = abs(apart - median(self._windows or [apart])) > JUMP_SAMPLES
        if self.odd and self.doubtful:
            self._windows.clear()
            self.jumps += 1
        self._windows.append(apart)
        self.samples = median(self._windows)
        self._speaker.end_window()
        self._microphone.end_window()
        self._pairs = self._doubts = 0
