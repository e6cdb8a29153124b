"""The figures of one conversation over the virtual card."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.bench.ears import analysis, delays
from pipeline.bench.ears.analysis import Interruption, Pause
from pipeline.bench.ears.conversation import Sounds, padded
from pipeline.bench.ears.delays import MicrophoneDelays
from pipeline.bench.ears.echo import EchoReduction, echo_reduction
from pipeline.bench.ears.recording import Recording
from pipeline.bench.ears.rooms import SENSOR_NOISE
from pipeline.bench.ears.sent import seconds, sent_answers, sent_offset, sent_phrases
from pipeline.bench.ears.situations import Situation
from pipeline.bench.ears.sounds import Phrase
from pipeline.bench.ears.voices import OfflineVoice
from pipeline.bench.ears.words import Words
from pipeline.pcm import Sound

_QUIETER = np.float32(0.5)
"""Phrases without an answer, whose words are known from the phrases as they are."""


@dataclass(frozen=True)
class EarsResult:
    """Everything that was measured in one situation."""

    situation: Situation
    interruptions: Sequence[Interruption]
    by_itself: int
    """Answers that paused before the person spoke."""
    pauses: Sequence[Pause]
    undisturbed_s: float
    taken_for_a_person: int
    """How often the offline service takes what was sent of the undisturbed answers for speech."""
    sent_s: float
    """Length of what it was given."""
    echo: EchoReduction
    microphone: MicrophoneDelays
    speak_ms: Sequence[float]
    ears_share: float | None
    """Of a core, while answers sounded over which nobody spoke."""
    ears_share_spoken_over: float | None
    """The same while a person or a noise was heard over most answers."""
    words: Words = field(default_factory=Words)
    realigned: int = 0

    @property
    def missed(self) -> int:
        """Return how many voices the service noticed first, although the ears were to."""
        if self.situation.barge_in == "service":
            return 0
        return sum(not interruption.noticed_here for interruption in self.interruptions)

    @property
    def false_pauses(self) -> int:
        """Return how often an answer paused for nothing."""
        return self.by_itself + sum(pause.cause == "nothing" for pause in self.pauses)


def evaluate(recording: Recording, sounds: Sounds, voice: OfflineVoice) -> EarsResult:
    """Evaluate one conversation; the offline service is asked what it hears."""
    found, by_itself = analysis.interruptions(recording)
    offset = sent_offset(recording)
    sent = sent_answers(recording, offset)
    words = Words()
    phrases = sent_phrases(recording, offset)
    understood = voice.understand(*(padded(sound) for _, sound in phrases))
    for (number, _), text in zip(phrases, understood, strict=True):
        words.count(sounds.phrases[number].words or "", text)
    return EarsResult(
        situation=recording.situation,
        interruptions=found,
        by_itself=by_itself,
        pauses=analysis.pauses(recording, [name for name, _ in sounds.noises]),
        undisturbed_s=analysis.undisturbed_s(recording),
        taken_for_a_person=len(voice.hears_at(sent)),
        sent_s=seconds(sent),
        echo=echo_reduction(recording, offset),
        microphone=delays.microphone_delays(recording, offset),
        speak_ms=delays.speaks_ms(recording),
        ears_share=analysis.ears_share(recording.quiet_cost),
        ears_share_spoken_over=analysis.ears_share(recording.cost),
        words=words,
        realigned=recording.realigned,
    )


def understood_clean(phrases: Sequence[Phrase], voice: OfflineVoice) -> tuple[list[Phrase], Words]:
    """Return the phrases with their words, and how the service understands them alone.

    Where the words of a phrase are not known, what it understands counts as its words. Each phrase
    is heard once more, by a microphone farther away: what differs then differs without an answer.
    """
    texts = voice.understand(*(padded(phrase.sound) for phrase in phrases))
    known = [
        Phrase(phrase.sound, phrase.words or text)
        for phrase, text in zip(phrases, texts, strict=True)
    ]
    words = Words()
    heard_again = voice.understand(*(padded(_farther_away(phrase.sound)) for phrase in phrases))
    for phrase, text in zip(known, heard_again, strict=True):
        words.count(phrase.words or "", text)
    return known, words


def _farther_away(sound: Sound) -> Sound:
    noise = np.random.default_rng(1).standard_normal(sound.size).astype(np.float32)
    return sound * _QUIETER + noise * np.float32(SENSOR_NOISE)
