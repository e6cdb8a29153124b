"""Tells a person whose microphone gives nothing, hardly anything, too much, or an unheard voice."""

from collections.abc import Iterator

from pipeline.audio.levels import VERY_LOW_DBFS, Level
from pipeline.shm.atomics import Word
from pipeline.shm.state import LevelReading
from pipeline.supervisor.unheard_speech import SPAN_S, UnheardSpeech

SILENT_S = 5.0
LOW_S = 60.0
"""Longer than most people listen without a word."""

CLIPPING_WITHIN_S = 10.0
CLIPPING_READINGS = 5


class MicrophoneHints:
    """Looks at the level that capture publishes; recorded inputs have none.

    Silence is told each time it begins, the others once in a conversation.

    :ivar unheard: knows whether the service hears a voice; None where it is not to notice any.
    """

    def __init__(self, word: Word, *, service_hears_turns: bool = True) -> None:
        self._word = word
        self.unheard = UnheardSpeech() if service_hears_turns else None
        self._readings = 0
        self._latest_s: float | None = None
        self._sound_s = 0.0  # when something other than digital silence was last heard
        self._loud_s = 0.0  # when the level was last a usable one
        self._clipped_s: list[float] = []
        self._told_silence = self._told_low = self._told_clipping = False

    def notices(
        self, now_s: float, *, answer_sounds: bool = False, uplink_stalls: bool = False
    ) -> Iterator[str]:
        """Yield a sentence for each new problem.

        :param answer_sounds: whether the microphone may hear the loudspeaker.
        :param uplink_stalls: whether the service is sent nothing, and so cannot hear a voice.
        """
        reading = LevelReading.unpacked(self._word.load())
        if reading.number == self._readings:
            return
        if self._latest_s is None or now_s - self._latest_s > SILENT_S:
            # The first reading, or the first after the card or the machine stood still.
            self._sound_s = self._loud_s = now_s
        self._readings, self._latest_s = reading.number, now_s
        level = Level(reading.peak, int(reading.clips), 1)
        yield from self._silence(level, now_s)
        yield from self._low(level, now_s)
        yield from self._clipping(level, now_s)
        counts = not (answer_sounds or uplink_stalls)
        if self.unheard and self.unheard.due(level.dbfs, now_s, counts=counts):
            yield (
                f"The microphone has given something as loud as a voice for {SPAN_S:g} s, and the "
                "service hears no speech in it: speak nearer to the microphone, lower "
                "--vad-threshold, or choose another microphone with --input."
            )

    def _silence(self, level: Level, now_s: float) -> Iterator[str]:
        if level.peak:
            self._sound_s, self._told_silence = now_s, False
        elif not self._told_silence and now_s - self._sound_s >= SILENT_S:
            self._told_silence = True
            yield (
                f"The microphone has given only digital silence for {SILENT_S:g} s: unmute it, let "
                "this program use it in the system's privacy settings, or choose another with "
                "--input."
            )

    def _low(self, level: Level, now_s: float) -> Iterator[str]:
        if level.dbfs >= VERY_LOW_DBFS or self._told_silence:
            self._loud_s = now_s
        elif not self._told_low and now_s - self._loud_s >= LOW_S:
            self._told_low = True
            yield (
                f"The microphone has been very quiet for {LOW_S:g} s: turn it up, come nearer, or "
                "choose another with --input."
            )

    def _clipping(self, level: Level, now_s: float) -> Iterator[str]:
        if not level.clipped:
            return
        recent = [at_s for at_s in self._clipped_s if now_s - at_s < CLIPPING_WITHIN_S]
        self._clipped_s = [*recent, now_s]
        if not self._told_clipping and len(self._clipped_s) >= CLIPPING_READINGS:
            self._told_clipping = True
            yield "The microphone is clipping: turn it down, or move away from it."
