"""Tells a person who seems to speak that the service hears nobody; free of I/O."""

from collections import deque

LOOKS_PER_S = 4
"""How often the level is looked at."""

WITHIN_S = 15.0
SPAN_S = 8.0
"""Longer than any service takes to notice a voice."""

READINGS = 3 * LOOKS_PER_S
"""As loud as a voice for 3 s in all."""

BURSTS = 4
"""A voice pauses again and again; what begins once and lasts is a noise."""

LOUD_DBFS = -40.0
ABOVE_NOISE_DB = 15.0
_QUIETEST_DBFS = -60.0
_RISE_DB = 1.0
"""What counts as noise rises so much with each reading."""


class UnheardSpeech:
    """Takes the level of the microphone. Told once in a conversation."""

    def __init__(self) -> None:
        self._noise_dbfs = 0.0
        self._loud: deque[tuple[float, bool]] = deque()  # when, and whether a burst begins
        self._was_loud = False
        self._hearing = False
        self._told = False

    def service_hears(self, hearing: bool) -> None:
        """Note that the service hears a voice, or that it is away; then that it does so no more."""
        self._hearing = hearing
        self._loud.clear()

    def due(self, dbfs: float, now_s: float, *, counts: bool) -> bool:
        """Take the peak of the microphone's latest frame; returns whether to tell the person.

        :param counts: whether a voice in it would be the person's, and would reach the service.
        """
        self._noise_dbfs = max(_QUIETEST_DBFS, min(dbfs, self._noise_dbfs + _RISE_DB))
        if self._hearing or self._told or not counts:
            self._loud.clear()
            return False
        loud = dbfs > max(LOUD_DBFS, self._noise_dbfs + ABOVE_NOISE_DB)
        if loud:
            self._loud.append((now_s, not self._was_loud))
        self._was_loud = loud
        while self._loud and now_s - self._loud[0][0] > WITHIN_S:
            self._loud.popleft()
        self._told = self._like_a_voice(now_s)
        return self._told

    def _like_a_voice(self, now_s: float) -> bool:
        return (
            len(self._loud) >= READINGS
            and now_s - self._loud[0][0] >= SPAN_S
            and sum(begins for _, begins in self._loud) >= BURSTS
        )
