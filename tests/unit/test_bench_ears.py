"""Made-up recordings of known times, and what `bench ears` finds in them."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.bench.ears import analysis, real_card_report
from pipeline.bench.ears.delays import MicrophoneDelays, microphone_delays
from pipeline.bench.ears.echo import EchoReduction, echo_reduction
from pipeline.bench.ears.real_card_result import RealCardResult, voice_onset
from pipeline.bench.ears.recording import Recording, Spoken
from pipeline.bench.ears.result import EarsResult
from pipeline.bench.ears.rooms import ROOMS
from pipeline.bench.ears.sent import best_lag, sent_offset
from pipeline.bench.ears.situations import DOUBLE_TALK, HOLD, NO_EARS
from pipeline.bench.ears.sounds import (
    ANSWER_DB,
    NEAR_DB,
    active_level_db,
    at_level,
    pcm16,
    sound_of,
    sweep,
)
from pipeline.bench.ears.verdict import judge
from pipeline.bench.ears.words import Words
from pipeline.cli import execute
from pipeline.pcm import NS_PER_S, Samples, Sound, ms_to_samples
from tests.support.sound import RATE_HZ, noise

PERIOD_SAMPLES = 120
PERIOD_NS = NS_PER_S // 200
ANSWER = noise(2, 2_000, 8_000, seed=1)
BEGINS = RATE_HZ
SENT_LATER = 777


def recording(
    heard: Samples, spoken: Spoken, microphone: Sound | None = None, sent: Samples | None = None
) -> Recording:
    """Return what was recorded by a card whose clock starts at 0."""
    marker = pcm16(sweep(0.1, NEAR_DB))
    if microphone is None:
        microphone = np.zeros(heard.size, np.float32)
        microphone[:2_400] = sound_of(marker)
    if sent is None:
        sent = np.concatenate([np.zeros(SENT_LATER, np.int16), pcm16(microphone)])
    return Recording(
        situation=HOLD,
        spoken=[spoken],
        heard=heard,
        microphone=microphone,
        period_times_ns=np.arange(heard.size // PERIOD_SAMPLES) * PERIOD_NS,
        sent=sent,
        arrivals=[(NS_PER_S, RATE_HZ // 2 + SENT_LATER)],
        marker=marker,
        marker_sample=0,
        quiet_cost=(),
        cost=(),
        realigned=0,
    )


def heard_with(*parts: Samples) -> Samples:
    heard = np.zeros(6 * RATE_HZ, np.int16)
    sounded = np.concatenate(parts)
    heard[BEGINS : BEGINS + sounded.size] = sounded
    return heard


def spoken(kind: str, *said: tuple[int, int, int], holds: int = 1) -> Spoken:
    return Spoken(kind, ANSWER, BEGINS - 600, 0, 6 * RATE_HZ, list(said), holds=holds)


def zeros(ms: float) -> Samples:
    return np.zeros(ms_to_samples(ms), np.int16)


def faded(sound: Samples) -> Samples:
    return (sound * np.linspace(1, 0, sound.size, endpoint=False)).astype(np.int16)


def test_an_interruption() -> None:
    held = ms_to_samples(500)
    fade = faded(ANSWER[held : held + 120])
    said = spoken("interrupted", (3, BEGINS + ms_to_samples(440), 100))
    said.said_at_ns = NS_PER_S + 440_000_000
    (found,), by_itself = analysis.interruptions(
        recording(heard_with(ANSWER[:held], fade, zeros(500)), said)
    )
    assert by_itself == 0
    assert found.change_ms == pytest.approx(60, abs=0.1)
    assert found.silence_ms == pytest.approx(65, abs=0.1)
    assert found.noticed_here
    assert found.phrase == 3


def test_a_pause_before_the_voice_counts_as_one_by_itself() -> None:
    held = ms_to_samples(300)
    said = spoken("interrupted", (0, BEGINS + ms_to_samples(440), 100))
    found = analysis.interruptions(recording(heard_with(ANSWER[:held], zeros(100)), said))
    assert found == ([], 1)


@pytest.mark.parametrize(("missing", "whole"), [(0, True), (50, False), (240, False)])
def test_a_pause_and_whether_the_rest_follows(missing: int, whole: bool) -> None:
    held = ms_to_samples(500)
    fade = faded(ANSWER[held : held + 120])
    heard = heard_with(ANSWER[:held], fade, zeros(250), ANSWER[held + missing :])
    said = spoken("noise", (1, BEGINS + held - 240, 100))
    (pause,) = analysis.pauses(recording(heard, said), ["click", "cough"])
    assert pause.cause == "cough"
    assert pause.lasted_ms == pytest.approx(250, abs=0.1)
    assert pause.whole is whole


@pytest.mark.parametrize("quiet", [0, 1, 3])
@pytest.mark.parametrize(("missing", "whole"), [(0, True), (300, False)])
def test_a_pause_where_the_answer_is_quiet(quiet: int, missing: int, whole: bool) -> None:
    held, ends = ms_to_samples(500), ms_to_samples(504)
    answer = ANSWER.copy()
    answer[held - 60 : ends] = quiet
    fade, rest = faded(answer[held : held + 120]), answer[held + missing :].copy()
    rest[:120] = faded(rest[:120][::-1])[::-1]
    said = Spoken("quiet", answer, BEGINS, 0)
    heard = heard_with(answer[:held], fade, zeros(250), rest)
    said.end_sample = len(heard)
    (pause,) = analysis.pauses(recording(heard, said), [])
    assert pause.whole is whole


def test_each_pause_of_an_answer_is_found() -> None:
    held, again = ms_to_samples(500), ms_to_samples(1_200)
    first, second = (faded(ANSWER[at : at + 120]) for at in (held, again))
    heard = heard_with(
        *(ANSWER[:held], first, zeros(250), ANSWER[held:again]),
        *(second, zeros(400), ANSWER[again:]),
    )
    said = spoken("noise", (0, BEGINS + held - 240, 100))
    found = analysis.pauses(recording(heard, said), ["click"])
    assert [pause.cause for pause in found] == ["click", "nothing"]
    assert [pause.lasted_ms for pause in found] == pytest.approx([250, 400], abs=0.1)
    assert all(pause.whole for pause in found)


def test_an_answer_that_went_on_meanwhile_is_silent_at_its_last_sample() -> None:
    held, cut = ms_to_samples(500), ms_to_samples(650)
    said = spoken("interrupted", (3, BEGINS + ms_to_samples(440), 100))
    said.said_at_ns = NS_PER_S + 440_000_000
    heard = heard_with(ANSWER[:held], zeros(200), ANSWER[held:cut])
    (found,), _ = analysis.interruptions(recording(heard, said))
    assert found.change_ms == pytest.approx(60, abs=0.1)
    assert found.silence_ms == pytest.approx(410, abs=0.1)


def test_an_answer_as_it_is_has_no_pause() -> None:
    assert not analysis.pauses(recording(heard_with(ANSWER), spoken("quiet")), [])


def test_the_microphones_delay() -> None:
    said = spoken("quiet")
    heard = heard_with(ANSWER)
    heard[: RATE_HZ // 2] = 1  # something sounds when the piece was heard
    made = recording(heard, said)
    found = microphone_delays(made, sent_offset(made))
    last_period_ns = (RATE_HZ // 2 - 1) // PERIOD_SAMPLES * PERIOD_NS
    delays_ms = [(NS_PER_S - last_period_ns) / 1e6]
    assert found == MicrophoneDelays(delays_ms, [])
    said.said.append((0, RATE_HZ // 4, 100))
    made = recording(heard, said)
    assert microphone_delays(made, sent_offset(made)) == MicrophoneDelays([], delays_ms)


def test_echo_that_is_learnt() -> None:
    heard = heard_with(ANSWER, ANSWER[::-1])
    microphone = sound_of(heard) * np.float32(0.1)
    microphone[:2_400] = sound_of(pcm16(sweep(0.1, NEAR_DB)))
    sent = pcm16(microphone)
    learnt = BEGINS + RATE_HZ
    sent[learnt:] = (sent[learnt:] * 0.1).astype(np.int16)
    said = Spoken("first", ANSWER, BEGINS - 600, 0, BEGINS + 4 * RATE_HZ)
    made = recording(heard, said, microphone, np.concatenate([zeros(0), sent]))
    found = echo_reduction(made, sent_offset(made))
    assert found.learnt_after_s == pytest.approx(1.25, abs=0.01)
    assert found.settled_db == pytest.approx(20, abs=1)


@pytest.mark.parametrize("path", ROOMS.values(), ids=ROOMS)
def test_an_echo_has_the_wanted_level(path: type) -> None:
    answer = at_level(sound_of(ANSWER), ANSWER_DB)
    echo = path().at_level(answer, -12.0).echo(answer)
    assert active_level_db(echo) == pytest.approx(NEAR_DB - 12, abs=0.1)


def room_and_voice(*voices_ms: tuple[int, int]) -> Sound:
    """Return three seconds of a quiet room, in which a voice speaks from one time to another."""
    random = np.random.default_rng(1)
    sent = random.standard_normal(3 * RATE_HZ).astype(np.float32) * np.float32(1e-3)
    for begin, end in (map(ms_to_samples, voice) for voice in voices_ms):
        sent[begin:end] += random.standard_normal(end - begin).astype(np.float32) * np.float32(0.05)
    return sent


@pytest.mark.parametrize("onset_ms", [1_000, 1_800, 2_650, 2_900])
def test_the_onset_of_a_voice_in_what_was_sent(onset_ms: int) -> None:
    sent = room_and_voice((onset_ms, 3_000))
    assert voice_onset(sent, RATE_HZ) == ms_to_samples(onset_ms)


def test_a_pause_within_a_voice_is_not_its_beginning() -> None:
    sent = room_and_voice((1_500, 2_000), (2_250, 3_000))
    assert voice_onset(sent, RATE_HZ) == ms_to_samples(1_500)


def test_a_noise_before_the_voice_is_not_its_beginning() -> None:
    sent = room_and_voice((1_200, 1_300), (2_000, 3_000))
    assert voice_onset(sent, RATE_HZ) == ms_to_samples(2_000)


@pytest.mark.parametrize("sent", [room_and_voice(), room_and_voice((1_200, 1_300)), zeros(1_000)])
def test_no_voice_is_heard_at_the_end_of_what_was_sent(sent: Sound) -> None:
    assert voice_onset(sent, RATE_HZ) is None


def test_a_sound_is_found_however_low_it_is() -> None:
    template = sound_of(ANSWER[:4_800])
    sound = sound_of(noise(2, -2_000, 2_000, seed=2))
    sound[7_000:11_800] = template * np.float32(0.01)
    sound[20_000:22_000] += template[:2_000]
    assert best_lag(template, sound) == 7_000
    assert best_lag(template, np.zeros(9_600, np.float32)) == 0


def result(situation: object, **values: object) -> EarsResult:
    usual: dict[str, object] = {
        "interruptions": [],
        "by_itself": 0,
        "pauses": [],
        "undisturbed_s": 6.0,
        "taken_for_a_person": 0,
        "sent_s": 6.0,
        "echo": EchoReduction(1.0, 20.0),
        "microphone": MicrophoneDelays([1.0], []),
        "speak_ms": [],
        "ears_share": 0.03,
        "ears_share_spoken_over": 0.06,
    }
    return EarsResult(situation=situation, **{**usual, **values})  # type: ignore[arg-type]


def silences(*times_ms: float) -> list[analysis.Interruption]:
    return [analysis.Interruption(20, ms - 5, ms, noticed_here=True, phrase=0) for ms in times_ms]


def test_a_verdict() -> None:
    without = result(NO_EARS, ears_share=None, ears_share_spoken_over=None)
    quick = result(HOLD, interruptions=silences(55, 55, 55, 55, 55))
    assert str(judge([quick, without], Words(10, 0))) == "Passed."
    slow = replace(silences(95)[0], noticed_here=False)
    wrong = result(
        HOLD,
        interruptions=[slow] * 5,
        by_itself=1,
        pauses=[analysis.Pause("click", 300, whole=False)],
        microphone=MicrophoneDelays([20.0], []),
        ears_share=0.06,
        words=Words(10, 2),
    )
    shortfalls = str(judge([wrong, without], Words(10, 0)))
    for part in (
        "onset to silence p50 95 ms (budget 80)",
        "1 pauses for nothing",
        "1 answers not whole",
        "microphone 19.0 ms later",
        "6.0% of a core",
        "20% of the words over an answer that falls silent",
    ):
        assert part in shortfalls
    assert wrong.missed == 5


@pytest.mark.parametrize("clean", [Words(), Words(10, 10)])
def test_words_that_the_service_never_understands_are_not_judged(clean: Words) -> None:
    measured = [
        result(DOUBLE_TALK, words=Words(10, 10)),
        result(NO_EARS, ears_share=None),
    ]
    assert str(judge(measured, clean)) == (
        "Passed. The words over an answer that goes on were not judged: the offline service "
        "understands none of them without an answer."
    )
    assert "100% of the words over an answer that goes on" in str(judge(measured, Words(10, 1)))


def test_words_are_judged_at_the_echo_of_the_budget_all_in_one() -> None:
    measured = [
        result(HOLD, words=Words(10, 0)),
        result(replace(HOLD, room="far"), words=Words(10, 1)),
        result(replace(HOLD, echo_db=0.0), words=Words(10, 10)),
        result(NO_EARS, ears_share=None, words=Words(10, 10)),
    ]
    assert str(judge(measured, Words(10, 0))) == "Passed."
    measured[0] = result(HOLD, words=Words(10, 1))
    assert "10% of the words over an answer that falls silent" in str(judge(measured, Words(10, 0)))


def test_words_over_an_answer_that_goes_on_are_judged_beside_those_without_one() -> None:
    measured = [
        result(DOUBLE_TALK, words=Words(100, 9)),
        result(NO_EARS, ears_share=None, words=Words(100, 50)),
    ]
    assert str(judge(measured, Words(100, 6))) == "Passed."
    assert str(judge(measured, Words(100, 5))) == (
        "Fell short: 9% of the words over an answer that goes on understood wrongly (budget 8%)."
    )


@pytest.mark.parametrize(
    ("echo_db", "times_ms", "line"),
    [
        (-12.0, [70] * 2 + [90] * 10, "p50 90 ms (budget 80)"),
        (-12.0, [70] * 3 + [90] * 9, "Passed."),
        (-6.0, [90] * 12, "Passed."),
        (-6.0, [70] * 4 + [292] * 2, "p95 292 ms (budget 220)"),
        (-6.0, [70] * 5 + [292], "Passed."),
        (0.0, [70] * 4 + [292] * 2, "Passed."),
        (0.0, [70] * 4 + [310] * 2, "p95 310 ms (budget 300)"),
        (None, [70, 292], "Passed."),
        (-12.0, [292] * 4, "p95 292 ms (budget 220)"),
        (
            -12.0,
            [90] * 4,
            "Passed. The p50 in hold, -12 dB was not judged: 4 of at least 5 voices.",
        ),
    ],
)
def test_few_slow_interruptions_may_be_chance(
    echo_db: float | None, times_ms: list[float], line: str
) -> None:
    measured = [result(replace(HOLD, echo_db=echo_db), interruptions=silences(*times_ms))]
    assert line in str(judge(measured, Words()))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("bench ears --input 3", "--input can only be used with --device"),
        ("bench ears --device --quick", "--quick can only be used without --device"),
        ("bench ears --device --let-sleep", "--let-sleep can only be used without --device"),
        ("bench ears --no-voice", "--no-voice can only be used with --device"),
        ("bench --quick ears", "--quick stands before 'ears'"),
    ],
)
def test_what_does_not_go_together(
    line: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(line.split()) == 2
    assert sentence in capsys.readouterr().err


def test_a_voice_that_is_noticed_and_cannot_be_timed_is_not_missed() -> None:
    why = "the cards' times are too far off"
    found = RealCardResult(
        noise_db=-70,
        played_db=-23,
        echo_db=-38,
        delay_ms=12,
        echo=EchoReduction(None, None),
        quiet_s=7,
        pauses=[],
        asked=3,
        noticed=2,
        silence_ms=[60.0],
        untimed=[why],
    )
    assert str(real_card_report.judge(found)) == (
        f"Fell short: 2 of 3 voices noticed. 1 of 2 voices could not be timed: {why}. "
        "The p50 was not judged: 1 of at least 5 voices."
    )
