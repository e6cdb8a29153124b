"""Hand-made recordings with one known fault each, and the metrics that must show it."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.bench.analysis import (
    Edge,
    TurnMetrics,
    all_turn_metrics,
    breaks,
    microphone_metrics,
)
from pipeline.bench.clock import CardClock
from pipeline.bench.service_log import Delta, ServiceLog, Turn
from pipeline.bench.signals import answer
from pipeline.bench.stalls import LONG_NS, Stall, Stalls
from pipeline.ipc.events import MissedPeriod
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ

START_NS = 5_000_000_000
MS = 1_000_000
FADE = 48
EDGE = Edge(CardClock.exact(START_NS), CardClock.exact(START_NS - 5 * MS), period_ns=5 * MS)

CALM = Stalls()

FIRST_DELTA_MS = 100.0
FIRST_SAMPLE = 2_500
STARTED_MS = 300.0
"""speech_started; at sample 7200."""
CUT_SAMPLE = 7_250
"""The first sample of the fade, which ends 48 samples later."""


def at_ms(ms: float) -> int:
    return START_NS + round(ms * MS)


def turn(number: int = 0, offset_ms: float = 0.0) -> Turn:
    sent_ns = at_ms(offset_ms + FIRST_DELTA_MS)
    return Turn(
        number,
        utterance_end_samples=round((offset_ms + 50) * SAMPLE_RATE_HZ / 1_000),
        recognised_ns=at_ms(offset_ms + 90),
        first_delta_ns=sent_ns,
        speech_started_ns=at_ms(offset_ms + STARTED_MS),
        deltas=[Delta(0, 7_200, sent_ns), Delta(7_200, 14_400, sent_ns + 20 * MS)],
        remembered_ms=(CUT_SAMPLE - FIRST_SAMPLE + FADE) * 1_000 // SAMPLE_RATE_HZ,
    )


def fading(samples: np.ndarray) -> np.ndarray:
    phase = np.arange(1, FADE + 1) / FADE
    return (samples[:FADE] * (0.5 + 0.5 * np.cos(np.pi * phase))).astype(np.int16)


def recording(number: int = 0, cut: int = CUT_SAMPLE, seconds: float = 2.0) -> np.ndarray:
    """Return a recording of one answer that was cut correctly."""
    heard = cut - FIRST_SAMPLE
    samples = np.zeros(round(seconds * SAMPLE_RATE_HZ), np.int16)
    samples[FIRST_SAMPLE:cut] = answer(number, 0, heard)
    samples[cut : cut + FADE] = fading(answer(number, heard, FADE))
    return samples


def only(samples: np.ndarray, of: Turn) -> TurnMetrics:
    (metrics,) = all_turn_metrics(samples, EDGE, [of], CALM)
    assert metrics is not None
    return metrics


def test_a_clean_turn() -> None:
    metrics = only(recording(), turn())
    # The fade's last sample is silent.
    assert metrics.cut_ms == pytest.approx((CUT_SAMPLE + FADE - 1 - 7_200) / 24)
    assert metrics.speak_ms == pytest.approx(FIRST_SAMPLE / 24 - FIRST_DELTA_MS)
    # Captured at 50 - 5 ms of the speaker's clock, heard at 104.17; 10 ms of it were a pause.
    assert metrics.round_trip_ms == pytest.approx(FIRST_SAMPLE / 24 - 45 - 10)
    assert metrics.stale_samples == CUT_SAMPLE + FADE - 1 - 7_200
    assert metrics.memory_error_ms == 0
    assert (metrics.leaked_samples, metrics.dropouts, metrics.starved, metrics.breaks) == (0,) * 4


def test_a_late_delta_that_is_played_is_stale_and_part_of_the_cut() -> None:
    samples = recording()
    samples[10_000:14_800] = answer(0, 9_000, 4_800)
    metrics = only(samples, turn())
    assert metrics.leaked_samples == 4_800
    assert metrics.cut_ms == pytest.approx((14_800 - 7_200) / 24)
    assert metrics.memory_error_ms == -200  # heard, but not remembered
    assert metrics.breaks == 0  # the cut itself was clean


def test_an_answer_that_plays_on_is_all_stale_but_leaks_nothing() -> None:
    metrics = only(recording(cut=9_600), replace(turn(), remembered_ms=None))
    assert metrics.stale_samples == 9_600 + FADE - 1 - 7_200
    assert metrics.leaked_samples == 0
    assert metrics.memory_error_ms == 14_400 // 24 - (9_600 - FIRST_SAMPLE + FADE) // 24


def test_silence_inside_an_answer_is_a_dropout() -> None:
    samples = recording()
    moved = samples[4_000:7_000].copy()
    samples[4_000:4_120] = 0
    samples[4_120:7_120] = moved
    samples[7_120:] = 0
    metrics = only(samples, turn())
    assert (metrics.dropouts, metrics.dropout_ms, metrics.starved) == (1, 5.0, 0)
    assert metrics.breaks == 0  # nothing is lost


def test_silence_while_the_delta_is_missing_is_a_network_gap() -> None:
    late = turn()
    late.deltas = [Delta(0, 1_500, late.first_delta_ns), Delta(1_500, 9_000, at_ms(170))]
    samples = recording()
    samples[4_000:4_120] = 0
    samples[4_120:7_250] = answer(0, 1_500, 3_130)
    assert (only(samples, late).dropouts, only(samples, late).starved) == (0, 1)
    late.deltas[1].sent_ns = at_ms(4_000 / 24 - 10)  # in time, with notice
    assert (only(samples, late).dropouts, only(samples, late).starved) == (1, 0)


def test_neighbouring_turns_are_distinguished() -> None:
    samples = recording(0)
    second_at = 12_000
    samples[second_at:] += recording(1)[: len(samples) - second_at]
    metrics = all_turn_metrics(samples, EDGE, [turn(0), turn(1, offset_ms=500)], CALM)
    for found in metrics:
        assert found is not None
        assert found.cut_ms == pytest.approx((CUT_SAMPLE + FADE - 1 - 7_200) / 24)
        assert (found.leaked_samples, found.breaks, found.memory_error_ms) == (0, 0, 0)


def test_a_leak_into_the_next_turn_belongs_to_its_own_answer() -> None:
    samples = recording(0)
    samples[12_000:] += recording(1)[: len(samples) - 12_000]
    samples[16_000:16_120] = answer(0, 6_000, 120)
    first, second = all_turn_metrics(samples, EDGE, [turn(0), turn(1, offset_ms=500)], CALM)
    assert first is not None
    assert second is not None
    assert first.leaked_samples == 120
    assert second.dropouts == 1  # and it displaced 120 samples of the next one


def test_an_answer_that_never_sounds_has_no_metrics() -> None:
    assert all_turn_metrics(np.zeros(48_000, np.int16), EDGE, [turn()], CALM) == [None]


def test_a_sample_placed_early_by_a_late_callback_is_not_lost() -> None:
    early = turn()
    early.first_delta_ns = at_ms(FIRST_SAMPLE / 24 + 1)
    assert only(recording(), early).speak_ms == pytest.approx(-1)
    assert only(recording(), early).breaks == 0


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("none", 0),
        ("first sample missing", 1),
        ("one sample lost", 1),
        ("one sample doubled", 1),
        ("two samples exchanged", 3),
        ("louder again in the fade", 1),
        ("no fade", 0),
    ],
)
def test_breaks(fault: str, found: int) -> None:
    heard = answer(1, 0, 30_000)
    faded = np.concatenate((heard, fading(answer(1, 30_000, FADE))))[:-1]
    cases = {
        "none": faded,
        "first sample missing": faded[1:],
        "one sample lost": np.delete(faded, 9_000),
        "one sample doubled": np.insert(faded, 9_000, faded[9_000]),
        "two samples exchanged": faded[[*range(9_000), 9_001, 9_000, *range(9_002, len(faded))]],
        "louder again in the fade": np.insert(faded, len(faded) - 10, answer(1, 30_037, 1)),
        "no fade": heard,
    }
    assert breaks(cases[fault], 1) == found


def test_a_hole_just_before_the_fade_is_found() -> None:
    heard = np.concatenate((answer(0, 0, 10_000), fading(answer(0, 10_040, FADE))))
    assert breaks(np.delete(heard, slice(9_900, 9_960)), 0) > 0


def test_microphone_time_counts_from_the_last_sample() -> None:
    captured_ns = START_NS - 5 * MS + 2_400 * NS_PER_S // SAMPLE_RATE_HZ
    log = ServiceLog(appends=[(captured_ns + 2 * MS, 2_400)])
    (frame,) = microphone_metrics(log, EDGE, CALM)
    assert frame.ms == pytest.approx(2.0)
    assert not frame.stalled
    stalls = Stalls([Stall(captured_ns + MS, captured_ns + 5 * MS)])
    assert microphone_metrics(log, EDGE, stalls)[0].stalled


@pytest.mark.parametrize(
    ("stopped_ms", "resumed_ms", "unread"),
    [(-9, -1, False), (-9, 1, True), (1, 9, True), (2, 9, False), (-9, 9, True)],
)
def test_a_frame_is_unread_if_the_service_did_not_read_on_its_way(
    stopped_ms: int, resumed_ms: int, unread: bool
) -> None:
    captured_ns = START_NS - 5 * MS + 2_400 * NS_PER_S // SAMPLE_RATE_HZ
    log = ServiceLog(
        appends=[(captured_ns + 2 * MS, 2_400)],
        unread_ns=[(captured_ns + stopped_ms * MS, captured_ns + resumed_ms * MS)],
    )
    (frame,) = microphone_metrics(log, EDGE, CALM)
    assert frame.unread is unread


def test_samples_of_a_late_period_pass_when_it_comes() -> None:
    """The second period of 5 ms is 7 ms late, the third 3 ms; the buffer lasts 5 ms."""
    missed = [
        MissedPeriod(at, at + 5 * MS + late) for at, late in ((5 * MS, 7 * MS), (10 * MS, 3 * MS))
    ]
    clock = CardClock.delayed(0, 120, reversed(missed))
    assert [clock.time_ns(n) / MS for n in (0, 119, 120, 240, 360)] == pytest.approx(
        [0, 119 / 24, 12, 13, 15]
    )
    assert clock.index(11 * MS) == 120, "an event in between finds them still to come"
    assert CardClock.delayed(0, 120, ()).time_ns(1_200) == 50 * MS


@pytest.mark.parametrize(("sent", "faults"), [(9_000, (1, 0)), (2_400, (0, 1))])
def test_an_answer_that_fell_silent_before_the_interruption_was_not_cut(
    sent: int, faults: tuple[int, int]
) -> None:
    quiet = turn()
    quiet.deltas = [Delta(0, sent, quiet.first_delta_ns)]
    samples = recording()
    samples[2_500 + 2_400 :] = 0
    metrics = only(samples, quiet)
    assert metrics.silent
    assert (metrics.dropouts, metrics.starved) == faults


# Pauses and stalls


def paused(faded: bool = True) -> tuple[np.ndarray, Turn]:
    """Return a turn whose second delta is 9 ms late: the sound fades out, and in again."""
    late = turn()
    late.deltas = [Delta(0, 1_500, late.first_delta_ns), Delta(1_500, 9_000, at_ms(170))]
    samples = recording()
    samples[4_000:4_216] = 0
    samples[4_216:7_250] = answer(0, 1_500, 3_034)
    samples[7_250:7_298] = fading(answer(0, 4_534, FADE))
    late.remembered_ms = (1_500 + 3_034 + FADE) * 1_000 // SAMPLE_RATE_HZ
    if faded:
        samples[4_000 - FADE : 4_000] = fading(answer(0, 1_500 - FADE, FADE))
        samples[4_216 : 4_216 + FADE] -= fading(answer(0, 1_500, FADE))
    return samples, late


@pytest.mark.parametrize("faded", [True, False])
def test_a_pause_may_fade_out_and_in(faded: bool) -> None:
    metrics = only(*paused(faded))
    assert (metrics.starved, metrics.dropouts, metrics.breaks) == (1, 0, 0)
    assert metrics.memory_error_ms == 0


@pytest.mark.parametrize(
    ("fault", "at"),
    [("lost before", 3_900), ("lost in the fall", 3_980), ("lost after", 4_300)],
)
def test_a_sample_lost_at_a_pause_is_found(fault: str, at: int) -> None:
    samples, late = paused()
    moved = np.append(np.delete(samples, at), 0).astype(np.int16)
    assert only(moved, late).breaks > 0, fault


def test_a_turn_during_a_stall_is_marked() -> None:
    def stalled(begin_ms: float, end_ms: float) -> bool:
        stalls = Stalls([Stall(at_ms(begin_ms), at_ms(end_ms))])
        (metrics,) = all_turn_metrics(recording(), EDGE, [turn()], stalls)
        assert metrics is not None
        return metrics.stalled

    assert stalled(101, 103)
    assert stalled(299, 301)
    assert not stalled(150, 290)
    assert not stalled(310, 320)


def test_a_stall_distorts_only_times_of_which_it_is_a_large_part() -> None:
    stalls = Stalls([Stall(at_ms(100), at_ms(102))])
    assert stalls.distort(at_ms(95), at_ms(105))
    assert not stalls.distort(at_ms(0), at_ms(500))
    assert not stalls.distort(at_ms(105), at_ms(95)), "the end of a time may be before its begin"


def test_a_silence_that_a_stall_explains_is_not_a_dropout() -> None:
    samples, late = paused(faded=False)
    late.deltas[1].sent_ns = at_ms(4_000 / 24 - 10)  # in time, with notice
    assert only(samples, late).dropouts == 1
    stalls = Stalls([Stall(at_ms(160), at_ms(164))])
    (metrics,) = all_turn_metrics(samples, EDGE, [late], stalls)
    assert metrics is not None
    assert (metrics.dropouts, metrics.starved) == (0, 1)


def test_stalls_of_several_processors_are_counted_once() -> None:
    stalls = Stalls([Stall(10, 20), Stall(50, 60), Stall(15, 30)])
    assert stalls.all == [Stall(10, 30), Stall(50, 60)]
    assert stalls.within_ns(0, 100) == 30
    assert stalls.within_ns(25, 55) == 10
    assert stalls.since(30).all == [Stall(50, 60)]
    assert Stalls().within_ns(0, 100) == 0


def test_a_late_period_is_excused_only_by_a_stall_of_its_lateness() -> None:
    late = MissedPeriod(0, 9 * MS)  # by 4 ms
    for long_ms, excused in ((3, False), (4, True)):
        stalls = Stalls([Stall(2 * MS, (2 + long_ms) * MS)])
        assert bool(stalls.classify([late], 5 * MS).excused) is excused
    afterwards = Stalls([Stall(9 * MS, 20 * MS)])
    assert afterwards.classify([late], 5 * MS) == ([late], [])


def test_a_stall_that_delays_the_first_of_a_backlog_excuses_all() -> None:
    stalls = Stalls([Stall(100 * MS, 118 * MS)])
    backlog = [
        MissedPeriod(100 * MS, 119 * MS),
        MissedPeriod(105 * MS, 120 * MS),
        MissedPeriod(110 * MS, 122 * MS),
        MissedPeriod(115 * MS, 124 * MS),
    ]
    later = MissedPeriod(125 * MS, 131 * MS)
    assert stalls.classify([later, *backlog], 5 * MS) == ([later], backlog)


def test_a_period_that_a_real_card_reports_as_missed_is_never_excused() -> None:
    missed = MissedPeriod(5 * MS, 5 * MS)
    for stalls in (Stalls([Stall(0, 10 * MS)]), Stalls(watched=False)):
        assert stalls.classify([missed], 5 * MS) == ([missed], [])


def test_only_long_stalls_are_counted_one_by_one() -> None:
    stalls = Stalls([Stall(0, MS), Stall(10 * MS, 13 * MS)])
    assert stalls.longer_than(LONG_NS).all == [Stall(10 * MS, 13 * MS)]


def test_the_playout_delay_is_not_part_of_speak() -> None:
    metrics = only(recording(), turn())
    delayed = metrics.without_delay(4.0)
    assert delayed.speak_ms == pytest.approx(metrics.speak_ms - 4)
    assert delayed.round_trip_ms == pytest.approx(metrics.round_trip_ms - 4)
    assert delayed.cut_ms == metrics.cut_ms
