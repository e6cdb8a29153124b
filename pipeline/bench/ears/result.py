"""The figures of one conversation over the virtual card."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.bench.ears import analysis, delays
from pipeline.bench.ears.analysis import Interruption, Pause
from pipeline.bench.ears.conversation import Sounds, padded
from pipeline.bench.ears.delays import MicrophoneDelays
from pipeline.bench.ears.echo import EchoReduction, echo_reduction
from pipeline.bench.ears.recording import Recording
from pipeline.bench.ears.rooms import SENSOR_NOISE
from pipeline.bench.ears.sent import (
    AFTER_SAMPLES,
    seconds,
    sent_answers,
    sent_offset,
    sent_phrases,
)
from pipeline.bench.ears.situations import Situation
from pipeline.bench.ears.sounds import Phrase
from pipeline.bench.ears.voices import OfflineVoice
from pipeline.bench.ears.words import Words, words_of
from pipeline.pcm import Sound

_FARTHER_AWAY = np.float32(0.5)
"""6 dB quieter."""


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
        words=_words_sent(recording, offset, sounds, voice),
        realigned=recording.realigned,
    )


def with_agreed_words(phrases: Sequence[Phrase], voice: OfflineVoice) -> list[Phrase]:
    """Return the phrases with the words that the service is sure to understand without an answer.

    It hears each one twice, the second time by a microphone farther away. Where it understands
    something else then, the words stay unknown.
    """
    near, far = (
        voice.understand(*(padded(_without_answer(phrase.sound * gain)) for phrase in phrases))
        for gain in (np.float32(1.0), _FARTHER_AWAY)
    )
    return [
        Phrase(phrase.sound, words if words_of(words) == words_of(again) else "")
        for phrase, words, again in zip(phrases, near, far, strict=True)
    ]


def clean_words(sentences: Sequence[Phrase], voice: OfflineVoice) -> Words:
    """Return how the service understands the sentences without an answer."""
    return _understood(
        [replace(each, sound=_without_answer(each.sound)) for each in sentences], voice
    )


def _words_sent(recording: Recording, offset: int, sounds: Sounds, voice: OfflineVoice) -> Words:
    sent = [
        Phrase(sound, sounds.words(kind, number))
        for kind, number, sound in sent_phrases(recording, offset)
    ]
    return _understood([phrase for phrase in sent if words_of(phrase.words)], voice)


def _understood(phrases: Sequence[Phrase], voice: OfflineVoice) -> Words:
    words = Words()
    texts = voice.understand(*(padded(phrase.sound) for phrase in phrases))
    for phrase, text in zip(phrases, texts, strict=True):
        words.count(phrase.words, text)
    return words


def _without_answer(sound: Sound) -> Sound:
    """Return what the microphone hears of `sound` alone, as long as what is sent of it."""
    heard = np.random.default_rng(1).standard_normal(sound.size + AFTER_SAMPLES) * SENSOR_NOISE
    heard[: sound.size] += sound
    return heard.astype(np.float32)
