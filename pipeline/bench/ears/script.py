"""What is said in the conversations: by the offline service's voice, or by people."""

import numpy as np

from pipeline.bench.ears.conversation import BETWEEN_SENTENCES_S, Sounds
from pipeline.bench.ears.options import EarsOptions
from pipeline.bench.ears.people import recorded_phrases, recorded_sentences, shortened
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
_SENTENCES = (
    "My sister wants to come by train on Saturday and stay until the end of the week.",
    "Is there a small hotel near the river that still has a room for three people?",
    "We had planned to cook at home, but nobody remembered to buy bread and butter.",
    "The doctor told my father to walk for half an hour before breakfast every morning.",
    "Please write down that the window in the kitchen does not close in winter.",
    "Last summer the children learned to swim in the lake behind our house.",
    "I would like to know how long it takes to drive from here to the sea.",
    "The music was so loud that I could hardly hear what my friend wanted to say.",
    "Could you read the second letter again, and a little more slowly this time?",
    "They are going to build a new school on the other side of the road.",
)
_PAUSE_MS = 150
_FIRST_S = 6.0
_FIRST_QUICK_S = 4.0
ANSWER_S = 7.0
_ANSWER_QUICK_S = 4.5
_SPOKEN_OVER_S = 36.0
"""For how long a person speaks over the answer that goes on, pauses included."""
_SPOKEN_OVER_QUICK_S = 10.0
_AROUND_SENTENCES_S = 6.0
"""Of the answer: all of it is sent before anybody speaks, which took 3 s of 43 s."""


def make_sounds(
    voice: OfflineVoice,
    situations: tuple[Situation, ...],
    options: EarsOptions,
    random: np.random.Generator,
) -> Sounds:
    """Let the voice speak all that the situations need.

    :param random: draws the sentences that are spoken over an answer.
    :raises UsageError: the recordings of `options` cannot be used.
    """
    first_s = _FIRST_QUICK_S if options.quick else _FIRST_S
    answer_s = _ANSWER_QUICK_S if options.quick else ANSWER_S
    phrases = _phrases(voice, options, max(situation.interruptions for situation in situations))
    sentences: list[Phrase] = []
    if any(situation.spoken_over for situation in situations):
        sentences = _sentences(voice, options, random)
    long_s = _AROUND_SENTENCES_S + _lasts_s(sentences)
    story = speak_story(voice, max(first_s + answer_s, long_s))
    first, end = _samples(first_s), _samples(first_s + answer_s)
    return Sounds(
        first=pcm16(story[:first]),
        answer=pcm16(story[first:end]),
        long=pcm16(story[: _samples(long_s)]),
        phrases=phrases,
        sentences=sentences,
        noises=_noises(quick=options.quick),
    )


def _phrases(voice: OfflineVoice, options: EarsOptions, count: int) -> list[Phrase]:
    if options.speech is not None:
        return _spread(recorded_phrases(options.speech), count)
    phrases = [Phrase(shortened(at_level(s, NEAR_DB))) for s in voice.say(*_PHRASES[:count])]
    return [phrase for phrase in phrases if is_sharp(phrase.sound)] or phrases


def _spread(phrases: list[Phrase], count: int) -> list[Phrase]:
    """Return so many of `phrases`, evenly spread: of as many people as there are."""
    places = np.linspace(0, len(phrases), min(count, len(phrases)), endpoint=False)
    return [phrases[int(place)] for place in places]


def _sentences(
    voice: OfflineVoice, options: EarsOptions, random: np.random.Generator
) -> list[Phrase]:
    """Return sentences of known words, at random: as many as there is time for, at least one."""
    known = recorded_sentences(options.speech) if options.speech is not None else []
    if not known:
        spoken = zip(voice.say(*_SENTENCES), _SENTENCES, strict=True)
        known = [Phrase(at_level(sound, NEAR_DB), text) for sound, text in spoken]
    most_s = _SPOKEN_OVER_QUICK_S if options.quick else _SPOKEN_OVER_S
    drawn = [known[number] for number in random.permutation(len(known))]
    count = sum(_lasts_s(drawn[: number + 1]) <= most_s for number in range(len(drawn)))
    return drawn[: max(1, count)]


def _lasts_s(sentences: list[Phrase]) -> float:
    return sum(each.sound.size / SAMPLE_RATE_HZ + BETWEEN_SENTENCES_S for each in sentences)


def _noises(*, quick: bool) -> list[tuple[str, Sound]]:
    random = np.random.default_rng(100)
    noises = [("click", click(random, dull=False)), ("mm-hm", mm_hm(random))]
    if not quick:
        noises += [("door", click(random, dull=True)), ("mm-hm", mm_hm(random))]
    return noises


def speak_story(voice: OfflineVoice, seconds: float) -> Sound:
    """Return at least so much of a story, at the level of an answer."""
    parts: list[Sound] = []
    number = 0
    while sum(part.size for part in parts) < _samples(seconds):
        parts += [*voice.say(_STORY[number % len(_STORY)]), silence(_PAUSE_MS)]
        number += 1
    return at_level(np.concatenate(parts), ANSWER_DB)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
