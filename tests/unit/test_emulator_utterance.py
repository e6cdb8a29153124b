"""Whether words look like a finished turn, and whether they are more than a filler."""

import pytest

from pipeline.emulator.turns.semantics import Semantics, semantics
from pipeline.emulator.turns.utterance import Doubt, doubt, is_filler


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What's the weather like?",
        "Go forward ten meters.",
        "Tell me a long story.",
        "Yes.",
        "No, thanks.",
        "Okay.",
        "Hello.",
        "Hi there!",
        "Good morning.",
        "Yes I can.",
        "I don't know what it is.",
        "Turn it on.",
        "Where are you from?",
        "What is it made of?",
        "Why not.",
        "Who am I?",
        "Is it what we think?",
        "If it rains, stay at home.",
        "And then we went home.",
        "Eight of spades, four of clubs, seven of hearts.",
    ],
)
def test_a_whole_turn(text: str) -> None:
    assert doubt(text) < Doubt.OPENING


@pytest.mark.parametrize(
    "text",
    [
        "I want to go to the",
        "I'd like coffee and.",
        "My name is",
        "The answer is.",
        "Tell me about, um,",
        "Tell me, uh.",
        "I think…",
        "I was going to say...",
        "He was not an ill-disposed young man,",
        "And so my fellow Americans ask not",
        "Can you",
        "What is?",
        "What about the?",
        "It's because",
        "Tomorrow we",
    ],
)
def test_no_sentence_ends_like_this(text: str) -> None:
    assert doubt(text) == Doubt.HANGING


@pytest.mark.parametrize(
    "text",
    ["Hello, world.", "Good morning Steve.", "And so my fellow Americans.", "When I was young."],
)
def test_an_opening(text: str) -> None:
    assert doubt(text) == Doubt.OPENING


@pytest.mark.parametrize("text", ["ten meters", "Ten meters.", "the red one"])
def test_a_fragment(text: str) -> None:
    assert doubt(text) == Doubt.FRAGMENT


@pytest.mark.parametrize(
    "text",
    ["", "Um.", "Uh-huh.", "Yeah.", "Yeah, yeah.", "Mm-hmm.", "I see.", "Oh, okay.", "Hmm", "I."],
)
def test_a_filler(text: str) -> None:
    assert is_filler(text)


@pytest.mark.parametrize(
    "text", ["Stop.", "No.", "Yeah, but why?", "I see a cat.", "Wait.", "Okay, enough.", "Umbrella"]
)
def test_more_than_a_filler(text: str) -> None:
    assert not is_filler(text)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (None, Semantics()),
        ({"type": "server_vad"}, Semantics()),
        ({"type": "azure_semantic_vad"}, Semantics(Doubt.OPENING, 1_000, ignores_fillers=True)),
        (
            {"type": "azure_semantic_vad_en", "remove_filler_words": False},
            Semantics(Doubt.OPENING, 1_000),
        ),
        (
            {
                "type": "server_vad",
                "end_of_utterance_detection": {
                    "model": "semantic_detection_v1",
                    "threshold_level": "low",
                    "timeout_ms": 1_500,
                },
            },
            Semantics(Doubt.HANGING, 1_500),
        ),
        (
            {
                "type": "azure_semantic_vad_multilingual",
                "end_of_utterance_detection": {
                    "model": "semantic_detection_v1_multilingual",
                    "threshold_level": "high",
                    "timeout_ms": 0,
                },
            },
            Semantics(Doubt.FRAGMENT, 0, ignores_fillers=True),
        ),
        ({"type": "semantic_vad"}, Semantics(Doubt.OPENING, 4_000, ignores_fillers=True)),
        (
            {"type": "semantic_vad", "eagerness": "high"},
            Semantics(Doubt.HANGING, 2_000, ignores_fillers=True),
        ),
    ],
)
def test_the_semantics_of_a_session(rules: dict[str, object] | None, expected: Semantics) -> None:
    assert semantics(rules) == expected


def test_without_patience_words_are_not_needed() -> None:
    assert not Semantics(Doubt.OPENING, 0).asks_for_words
    assert not Semantics().wants_more_time(Doubt.HANGING)
    assert Semantics(Doubt.OPENING, 1).wants_more_time(Doubt.OPENING)
