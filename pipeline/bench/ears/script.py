"""What is said in the conversations: by the offline service's voice, or by people."""

from pathlib import Path

import numpy as np

from pipeline.bench.ears.conversation import Sounds
from pipeline.bench.ears.situations import Situation
from pipeline.bench.ears.sounds import (
    ANSWER_DB,
    NEAR_DB,
    Phrase,
    at_level,
    click,
    is_sharp,
    mm_hm,
    pcm16,
    recorded_phrases,
    silence,
)
from pipeline.bench.ears.voices import OfflineVoice
from pipeline.pcm import SAMPLE_RATE_HZ, Sound

_STORY = (
    "At the end of a narrow street there was a small shop that sold old clocks.",
    "The man who owned it had never been late in his life, and he was proud of that.",
    "One morning he found that all the clocks had stopped during the night.",
    "He walked from one to the other, wound them, and listened, but not one of them moved.",
    "So he went outside, and for the first time in years he looked up at the sun.",
    "It stood above the roofs, and nobody in the street seemed to be in a hurry.",
    "He sat down on the step in front of his door and watched the people pass by.",
    "When he came back in the evening, every clock was running again.",
    "He never found out why, and after a while he did not want to know any more.",
)
_PHRASES = (
    "Wait, please stop the story.",
    "Could you tell me about the weather instead?",
    "Do you know a good place for dinner?",
    "Bring me back to the beginning, please.",
    "Never mind, let us talk about music.",
    "Give me a moment to think about that.",
    "Go on with the next part of it, please.",
    "But what did the neighbors say about that?",
)
_PAUSE_MS = 150
_LONGEST_PHRASE_S = 2.2
_FIRST_S = 6.0
_FIRST_QUICK_S = 4.0
ANSWER_S = 7.0
_ANSWER_QUICK_S = 4.5


def make_sounds(
    voice: OfflineVoice, situations: tuple[Situation, ...], *, quick: bool, speech: Path | None
) -> Sounds:
    """Let the voice speak all that the situations need."""
    first_s = _FIRST_QUICK_S if quick else _FIRST_S
    answer_s = _ANSWER_QUICK_S if quick else ANSWER_S
    spoken_over = max((situation.phrases for situation in situations), default=0)
    long_s = 2.0 + spoken_over * (_LONGEST_PHRASE_S + 1.2)
    needed = _phrases_needed(situations)
    phrases = (
        _spread(recorded_phrases(speech), needed) if speech else _spoken_phrases(voice, needed)
    )
    story = speak_story(voice, max(first_s + answer_s, long_s))
    random = np.random.default_rng(100)
    noises = [("click", click(random, dull=False)), ("mm-hm", mm_hm(random))]
    if not quick:
        noises += [("door", click(random, dull=True)), ("mm-hm", mm_hm(random))]
    first, end = _samples(first_s), _samples(first_s + answer_s)
    return Sounds(
        first=pcm16(story[:first]),
        answer=pcm16(story[first:end]),
        long=pcm16(story[: _samples(long_s)]),
        phrases=[_shortened(phrase) for phrase in phrases],
        noises=noises,
    )


def _phrases_needed(situations: tuple[Situation, ...]) -> int:
    return max(max(s.interruptions, s.phrases) for s in situations)


def _spread(phrases: list[Phrase], count: int) -> list[Phrase]:
    """Return so many of `phrases`, evenly spread: of as many people as there are."""
    places = np.linspace(0, len(phrases), min(count, len(phrases)), endpoint=False)
    return [phrases[int(place)] for place in places]


def _spoken_phrases(voice: OfflineVoice, count: int) -> list[Phrase]:
    texts = _PHRASES[:count]
    phrases = [
        Phrase(at_level(sound, NEAR_DB), text)
        for sound, text in zip(voice.say(*texts), texts, strict=True)
    ]
    return [phrase for phrase in phrases if is_sharp(phrase.sound)] or phrases


def speak_story(voice: OfflineVoice, seconds: float) -> Sound:
    """Return at least so much of a story, at the level of an answer."""
    parts: list[Sound] = []
    number = 0
    while sum(part.size for part in parts) < _samples(seconds):
        parts += [*voice.say(_STORY[number % len(_STORY)]), silence(_PAUSE_MS)]
        number += 1
    return at_level(np.concatenate(parts), ANSWER_DB)


def _shortened(phrase: Phrase) -> Phrase:
    """End a phrase that is too long; its words are then not known."""
    longest = _samples(_LONGEST_PHRASE_S)
    if phrase.sound.size <= longest:
        return phrase
    return Phrase(phrase.sound[:longest])


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
