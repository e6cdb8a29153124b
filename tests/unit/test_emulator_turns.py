"""Where turns begin and end, in audio time. A row is a list of (probability, windows) runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.emulator.turns.endpointing import (
    EndpointingRules,
    SpeechEnding,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnDetector,
    TurnEvent,
)

VOICE, QUIET, BREATH = 0.9, 0.05, 0.4
Runs = list[tuple[float, int]]


def turns(runs: Runs, rules: EndpointingRules | None = None) -> list[TurnEvent]:
    detector = TurnDetector(rules or EndpointingRules())
    heard = [detector.hear(probability) for probability, count in runs for _ in range(count)]
    return [event for event in heard if event is not None]


# One window is 32 ms. With the defaults a turn begins after 7 windows of speech,
# pauses after 7 of silence, ends after 16, and reaches back 300 ms.
TABLE: list[tuple[str, Runs, list[TurnEvent]]] = [
    ("silence", [(QUIET, 100)], []),
    ("a click", [(QUIET, 20), (VOICE, 6), (QUIET, 40)], []),
    ("clicks far apart", [(VOICE, 4), (QUIET, 5), (VOICE, 4), (QUIET, 5)], []),
    (
        "a turn",
        [(QUIET, 20), (VOICE, 30), (QUIET, 20)],
        [SpeechStarted(340), SpeechPaused(57 * 32), SpeechStopped(66 * 32)],
    ),
    (
        "speech from the very start",
        [(VOICE, 10), (QUIET, 16)],
        [SpeechStarted(0), SpeechPaused(17 * 32), SpeechStopped(26 * 32)],
    ),
    (
        "a short gap while it begins",
        [(QUIET, 20), (VOICE, 4), (QUIET, 3), (VOICE, 4)],
        [SpeechStarted(340)],
    ),
    (
        "a short gap in the middle",
        [(VOICE, 10), (QUIET, 5), (VOICE, 10), (QUIET, 16)],
        [SpeechStarted(0), SpeechPaused(32 * 32), SpeechStopped(41 * 32)],
    ),
    (
        "a pause to think",
        [(VOICE, 10), (QUIET, 10), (VOICE, 10), (QUIET, 16)],
        [
            SpeechStarted(0),
            SpeechPaused(17 * 32),
            SpeechResumed(),
            SpeechPaused(37 * 32),
            SpeechStopped(46 * 32),
        ],
    ),
    (
        "hardly audible speech goes on, but begins nothing",
        [(BREATH, 20), (VOICE, 10), (BREATH, 30), (QUIET, 16)],
        [SpeechStarted(340), SpeechPaused(67 * 32), SpeechStopped(76 * 32)],
    ),
    (
        "the padding does not reach into the turn before",
        [(VOICE, 10), (QUIET, 16), (VOICE, 7)],
        [
            SpeechStarted(0),
            SpeechPaused(17 * 32),
            SpeechStopped(26 * 32),
            SpeechStarted(26 * 32),
        ],
    ),
]


@pytest.mark.parametrize(("name", "runs", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_turns(name: str, runs: Runs, expected: list[TurnEvent]) -> None:
    assert turns(runs) == expected, name


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (EndpointingRules(threshold=0.95), []),
        (
            EndpointingRules(prefix_padding_ms=0),
            [SpeechStarted(640), SpeechPaused(57 * 32), SpeechStopped(66 * 32)],
        ),
        (
            EndpointingRules(silence_duration_ms=1_000),
            [SpeechStarted(340), SpeechPaused(57 * 32)],
        ),
        (
            EndpointingRules(silence_duration_ms=100),
            [SpeechStarted(340), SpeechStopped(54 * 32)],
        ),
        (EndpointingRules(speech_duration_ms=2_000), []),
        (
            EndpointingRules(speech_duration_ms=0),
            [SpeechStarted(340), SpeechPaused(57 * 32), SpeechStopped(66 * 32)],
        ),
    ],
)
def test_the_rules_change_turns(rules: EndpointingRules, expected: list[TurnEvent]) -> None:
    assert turns([(QUIET, 20), (VOICE, 30), (QUIET, 20)], rules) == expected


def test_an_endless_turn_is_ended() -> None:
    events = turns([(VOICE, 6_000)])
    assert SpeechStopped(TurnDetector.LONGEST_TURN_MS) in events


def test_an_abandoned_turn_leaves_no_trace() -> None:
    detector = TurnDetector(EndpointingRules())
    for _ in range(10):
        detector.hear(VOICE)
    detector.reset()
    assert not detector.speaking
    assert detector.hear(QUIET) is None
    assert detector.earliest_start_ms == 10 * 32


def test_sound_that_may_belong_to_a_turn_is_kept() -> None:
    detector = TurnDetector(EndpointingRules())
    for _ in range(100):
        detector.hear(QUIET)
    assert detector.earliest_start_ms == 3_200 - 300
    detector.hear(VOICE)
    detector.hear(VOICE)
    assert detector.earliest_start_ms == 3_200 - 300


def heard_with_words(runs: Runs, patience_ms: int | None) -> list[TurnEvent]:
    """Feed a detector that asks for words: grant `patience_ms` at each ending; None ends it."""
    detector = TurnDetector(EndpointingRules(), asks_for_words=True)
    events: list[TurnEvent] = []
    for probability in (probability for probability, count in runs for _ in range(count)):
        event = detector.hear(probability)
        if event is not None:
            events.append(event)
        if isinstance(event, SpeechEnding):
            if patience_ms is None:
                events.append(detector.end())
            else:
                detector.wait_longer(patience_ms)
    return events


def test_whole_words_end_the_turn_at_once() -> None:
    assert heard_with_words([(VOICE, 10), (QUIET, 40)], None) == [
        SpeechStarted(0),
        SpeechPaused(17 * 32),
        SpeechEnding(26 * 32),
        SpeechStopped(26 * 32),
    ]


def test_unfinished_words_are_given_more_time() -> None:
    assert heard_with_words([(VOICE, 10), (QUIET, 60)], 1_000) == [
        SpeechStarted(0),
        SpeechPaused(17 * 32),
        SpeechEnding(26 * 32),
        SpeechStopped((10 + 47) * 32),
    ]


def test_a_hesitant_speaker_is_asked_at_each_pause() -> None:
    assert heard_with_words([(VOICE, 10), (QUIET, 30), (VOICE, 5), (QUIET, 60)], 1_000) == [
        SpeechStarted(0),
        SpeechPaused(17 * 32),
        SpeechEnding(26 * 32),
        SpeechResumed(),
        SpeechPaused(52 * 32),
        SpeechEnding(61 * 32),
        SpeechStopped((45 + 47) * 32),
    ]


def test_a_short_silence_asks_before_it_is_a_pause() -> None:
    detector = TurnDetector(EndpointingRules(silence_duration_ms=100), asks_for_words=True)
    events = [detector.hear(p) for p in [VOICE] * 10 + [QUIET] * 4]
    assert events[-1] == SpeechEnding(14 * 32)
    detector.wait_longer(500)
    assert detector.hear(VOICE) == SpeechResumed()


@given(
    st.lists(st.tuples(st.sampled_from((VOICE, QUIET, BREATH)), st.integers(1, 60)), max_size=12),
    st.sampled_from((None, 0, 300, 2_000)),
)
def test_turns_are_well_formed(runs: Runs, patience_ms: int | None) -> None:
    """Each turn has one start and one end in this order, and its other events between them."""
    inside = paused = False
    position_ms = 0
    for event in heard_with_words(runs, patience_ms):
        match event:
            case SpeechStarted(start_ms):
                assert not inside
                assert start_ms >= position_ms
                inside, position_ms = True, start_ms
            case SpeechPaused(at_ms) | SpeechEnding(at_ms):
                assert inside
                assert at_ms > position_ms
                paused, position_ms = True, at_ms
            case SpeechResumed():
                assert inside
                assert paused
                paused = False
            case SpeechStopped(end_ms):
                assert inside
                assert end_ms >= position_ms
                inside, paused, position_ms = False, False, end_ms
