"""When speech that holds an answer is certain: pure, in blocks of 10 ms."""

from pipeline.ears.rules import Evidence
from pipeline.pcm import BLOCK_MS

_ENOUGH_SPEECH_MS = 200
_VOICED = 0.5


class SpeechCertainty:
    """Counts the speech of one hold; gaps between syllables do not matter.

    :param silero: whether Silero is there; otherwise earshot tells what is speech.
    """

    def __init__(self, *, silero: bool) -> None:
        self._silero = silero
        self._speech_ms = 0

    def begin(self) -> None:
        """Another hold begins."""
        self._speech_ms = 0

    def reached(self, evidence: Evidence) -> bool:
        """Take one block of the hold; True with the one that makes it certain."""
        voiced = (evidence.silero_lowest if self._silero else evidence.earshot) >= _VOICED
        self._speech_ms += BLOCK_MS if voiced else 0
        return voiced and self._speech_ms == _ENOUGH_SPEECH_MS
