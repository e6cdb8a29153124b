"""Two simulated cards: their positions, their times, and what the aligner makes of them."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from pipeline.ears.aligner import LONGEST_WAIT_NS, Aligner
from pipeline.ears.card_offset import WINDOW_BLOCKS, CardOffset
from pipeline.ears.lead import LEAD_SAMPLES, SHORTEST_LEAD_SAMPLES
from pipeline.ears.reference import ReferenceLine, ReferenceRate
from pipeline.pcm import BLOCK_SAMPLES, NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, Samples, ms_to_samples
from pipeline.shm.frames import Frame

PERIOD = 120
MIC_BEGAN_AT = 3_000
"""The loudspeaker's position when the microphone begins."""
LOUD = np.arange(1, 30_001, dtype=np.int16)


def noise(seconds: float) -> Samples:
    """Return samples of which every stretch is different."""
    random = np.random.default_rng(1)
    return random.integers(-9_000, 9_000, round(seconds * SAMPLE_RATE_HZ)).astype(np.int16)


def frame(position: int, time_ns: int, samples: Samples) -> Frame:
    return Frame(0, 0, 0, position, time_ns, 0, samples)


@dataclass
class Cards:
    """A loudspeaker of 5 ms periods and a microphone of 10 ms blocks.

    :ivar ahead_ms: how long before it sounds a period is given to the loudspeaker.
    :ivar late_ms: by how much the times are late that the two tell in a step of 10 ms; for good if
        the sound server stands still.
    :ivar drift_ppm: by which the loudspeaker's clock is faster.
    """

    sound: Samples
    mic_began_at: int = MIC_BEGAN_AT
    ahead_ms: float = 50.0
    late_ms: Callable[[int], tuple[float, float]] = lambda _step: (0.0, 0.0)
    drift_ppm: float = 0.0
    aligner: Aligner = field(default_factory=Aligner)
    realigned: list[int] = field(default_factory=list)
    later_blocks: int = 0
    _waiting: deque[int] = field(default_factory=deque)
    _rendered: int = 0

    def run(self, steps: range) -> Iterator[tuple[int, Samples]]:
        """Yield each block's position and its reference."""
        for step in steps:
            speaker_late_ms, microphone_late_ms = self.late_ms(step)
            self._render(step, speaker_late_ms)
            captured_at_ns = step * 10 * NS_PER_MS + round(microphone_late_ms * NS_PER_MS)
            self.aligner.arrives(step * BLOCK_SAMPLES, captured_at_ns)
            self._waiting.append(step * BLOCK_SAMPLES)
            while len(self._waiting) > self.aligner.lead.waiting_blocks:
                position = self._waiting.popleft()
                reference = self.aligner.reference(position, expected=True)
                if self.aligner.realigned:
                    self.realigned.append(step)
                self.later_blocks += self.aligner.moved_blocks or 0
                yield position, reference

    def _render(self, step: int, late_ms: float) -> None:
        """Give the loudspeaker all that sounds until `ahead_ms` after the end of the block."""
        rate_hz = SAMPLE_RATE_HZ * (1 + self.drift_ppm * 1e-6)
        until = self.mic_began_at + ((step + 1) * 10 + self.ahead_ms) / 1_000 * rate_hz
        while self._rendered + PERIOD <= until:
            time_ns = round((self._rendered - self.mic_began_at) / rate_hz * NS_PER_S)
            time_ns += round(late_ms * NS_PER_MS)
            period = np.take(
                self.sound, range(self._rendered, self._rendered + PERIOD), mode="wrap"
            )
            self.aligner.sounds(frame(self._rendered, time_ns, period), SAMPLE_RATE_HZ)
            self._rendered += PERIOD


def places(cards: Cards, steps: range) -> list[int]:
    """Return how far behind its own position each block's reference lies in the sound."""
    size = len(cards.sound)
    where = {cards.sound[at : at + 8].tobytes(): at for at in range(size - 8)}
    found = []
    for position, reference in cards.run(steps):
        at = where.get(reference[:8].tobytes())
        if at is not None:
            found.append((at - position + size // 2) % size - size // 2)
    return found


def test_reference_sounds_a_lead_after_its_block_on_exact_cards() -> None:
    cards = Cards(noise(4))
    found = places(cards, range(300))
    assert set(found) == {MIC_BEGAN_AT + LEAD_SAMPLES}
    assert cards.realigned == [0]


def test_the_first_lead_is_judged_by_where_the_reference_lies() -> None:
    """The microphone began before the loudspeaker: its positions are ahead."""
    cards = Cards(noise(8), mic_began_at=-12_000)
    places(cards, range(300))
    assert cards.aligner.lead.samples == LEAD_SAMPLES
    assert cards.later_blocks == 0


def test_sound_server_that_stands_still_moves_nothing() -> None:
    def stalls(step: int) -> tuple[float, float]:
        """The machine is busy: both times move on, by 7, 180 and 12 ms."""
        late_ms = 7.0 * (step > 120) + 180.0 * (step > 233) + 12.0 * (step > 377)
        return late_ms, late_ms

    cards = Cards(noise(8), late_ms=stalls)
    assert set(places(cards, range(700))) == {MIC_BEGAN_AT + LEAD_SAMPLES}
    assert cards.realigned == [0]


def test_late_callbacks_move_nothing() -> None:
    random = np.random.default_rng(2)

    def busy(_step: int) -> tuple[float, float]:
        late = random.exponential(1.0, 2) * (random.uniform(size=2) < 0.3)
        return float(late[0]), float(late[1])

    cards = Cards(noise(8), late_ms=busy)
    found = places(cards, range(50, 700))
    assert np.ptp(found) <= 1


def test_bursts_of_periods_move_nothing() -> None:
    cards = Cards(noise(8), late_ms=lambda step: (5.0 * (step % 4), 10.0 * (step % 3)))
    assert np.ptp(places(cards, range(700))[100:]) <= 1


def test_drift_is_followed_sample_by_sample() -> None:
    cards = Cards(noise(60), drift_ppm=60.0)
    found = places(cards, range(5_000))
    assert cards.realigned == [0]
    assert set(np.abs(np.diff(found))) <= {0, 1}
    off_samples = MIC_BEGAN_AT + LEAD_SAMPLES + 50 * SAMPLE_RATE_HZ * 60e-6 - found[-1]
    assert abs(off_samples) <= SAMPLE_RATE_HZ // 1_000 + 2


def test_card_that_lost_samples_is_realigned_within_a_second() -> None:
    cards = Cards(noise(8), late_ms=lambda step: (20.0 * (step > 300), 0.0))
    found = places(cards, range(500))
    assert len(cards.realigned) == 2
    assert 300 < cards.realigned[1] < 400
    assert found[-1] == MIC_BEGAN_AT + LEAD_SAMPLES - SAMPLE_RATE_HZ * 20 // 1_000


@pytest.mark.parametrize("lost_ms", [-1_000, 150, 1_000])
def test_card_that_was_away_is_realigned_within_two_windows(lost_ms: int) -> None:
    cards = Cards(noise(8), late_ms=lambda step: (1_000.0 + lost_ms * (step > 300), 0.0))
    found = places(cards, range(500))
    assert len(cards.realigned) == 2
    assert 300 < cards.realigned[1] <= 300 + 2 * WINDOW_BLOCKS
    assert found[-1] - found[0] == -ms_to_samples(lost_ms)


def test_one_late_block_realigns_nothing() -> None:
    cards = Cards(noise(8), late_ms=lambda step: (0.0, 150.0 * (300 <= step < 304)))
    assert set(places(cards, range(500))) == {MIC_BEGAN_AT + LEAD_SAMPLES}


@pytest.mark.parametrize(
    ("ahead_ms", "lead_ms", "waiting_blocks"),
    [(50, 35, 0), (30, 25, 0), (20, 25, 1), (12, 15, 1), (5, 15, 1), (0, 15, 1)],
)
def test_reference_that_comes_late_is_expected_whole_blocks_later(
    ahead_ms: float, lead_ms: int, waiting_blocks: int
) -> None:
    cards = Cards(noise(8), ahead_ms=ahead_ms)
    found = places(cards, range(300))
    assert found[-1] == MIC_BEGAN_AT + ms_to_samples(lead_ms)
    assert cards.aligner.lead.samples == ms_to_samples(lead_ms)
    assert cards.aligner.lead.waiting_blocks == waiting_blocks
    assert cards.later_blocks == (35 - lead_ms) // 10
    assert cards.realigned == [0]


def test_references_before_a_block_lie_where_its_own_lies() -> None:
    cards = Cards(noise(8), ahead_ms=12.0)
    *_, (position, reference) = cards.run(range(300))
    *before, again = cards.aligner.references(position + BLOCK_SAMPLES, 21)
    assert np.array_equal(again, reference)
    place = position - 20 * BLOCK_SAMPLES + MIC_BEGAN_AT + SHORTEST_LEAD_SAMPLES
    assert np.array_equal(np.concatenate(before), cards.sound[place:][: 20 * BLOCK_SAMPLES])


def test_the_reference_is_given_beside_an_echo_that_has_moved() -> None:
    cards = Cards(noise(8))
    places(cards, range(100))
    cards.aligner.echo_moved(200)
    found = places(cards, range(100, 300))
    assert set(found) == {MIC_BEGAN_AT + LEAD_SAMPLES - 200}
    assert cards.realigned == [0]


def test_an_echo_is_not_followed_further_than_times_can_be_wrong() -> None:
    cards = Cards(noise(8))
    for step in range(100, 150, 10):
        places(cards, range(step, step + 10))
        cards.aligner.echo_moved(ms_to_samples(20))
    found = places(cards, range(150, 300))
    assert set(found) == {MIC_BEGAN_AT + LEAD_SAMPLES - ms_to_samples(40)}


def test_a_jump_takes_the_place_of_what_the_echo_told() -> None:
    cards = Cards(noise(8), late_ms=lambda step: (16.0 * (step > 120), 0.0))
    places(cards, range(100))
    cards.aligner.echo_moved(ms_to_samples(12))
    *_, found = places(cards, range(100, 400))
    assert found == MIC_BEGAN_AT + LEAD_SAMPLES - ms_to_samples(16)


def test_times_that_tell_later_what_the_echo_told_move_nothing_more() -> None:
    cards = Cards(noise(20), late_ms=lambda step: (20.0 * (step > 200), 0.0))
    places(cards, range(205))
    cards.aligner.echo_moved(ms_to_samples(20))
    *_, found = places(cards, range(205, 700))
    assert abs(found - (MIC_BEGAN_AT + LEAD_SAMPLES - ms_to_samples(20))) <= 1
    assert cards.realigned == [0]


def test_echo_that_tells_what_the_times_told_already_leaves_them_right() -> None:
    cards = Cards(noise(8), late_ms=lambda step: (2.0 * (step > 100), 0.0))
    places(cards, range(240))
    cards.aligner.echo_moved(ms_to_samples(1.5))
    places(cards, range(240, 400))
    assert cards.realigned == [0]


def test_block_that_is_not_expected_gets_silence_and_learns_the_time() -> None:
    aligner = Aligner()
    aligner.sounds(frame(0, 0, LOUD[:PERIOD]), SAMPLE_RATE_HZ)
    aligner.arrives(0, 0)
    assert not aligner.reference(0, expected=False).any()
    assert not aligner.realigned
    assert aligner.sounds_until_ns == 5 * NS_PER_MS
    aligner.arrives(BLOCK_SAMPLES, 10 * NS_PER_MS)
    aligner.reference(BLOCK_SAMPLES, expected=True)
    assert aligner.realigned


def test_block_waits_for_a_period_that_comes_late_and_not_for_silence() -> None:
    cards = Cards(noise(8))
    places(cards, range(200))
    aligner, position = cards.aligner, 200 * BLOCK_SAMPLES
    known = cards._rendered
    late = [position + number * BLOCK_SAMPLES for number in range(6)]
    unknown = [at for at in late if not aligner.ready(at, 0)]
    assert unknown
    assert unknown == late[-len(unknown) :]
    period = frame(known, 0, np.take(cards.sound, range(known, known + 2_400), mode="wrap"))
    aligner.sounds(period, SAMPLE_RATE_HZ)
    assert all(aligner.ready(at, 0) for at in late)
    after = position + 20 * BLOCK_SAMPLES
    assert not aligner.ready(after, LONGEST_WAIT_NS)
    assert aligner.ready(after, LONGEST_WAIT_NS + 1)
    assert aligner.ready(after + BLOCK_SAMPLES, 0), "the loudspeaker is silent"
    aligner.sounds(frame(known + 2_400, 0, LOUD[:PERIOD]), SAMPLE_RATE_HZ)
    assert not aligner.ready(after + BLOCK_SAMPLES, 0), "it sounds again"


def test_offset_needs_both_cards() -> None:
    offset = CardOffset()
    offset.microphone(0, 0)
    assert offset.samples is None
    offset.speaker(100, 0)
    assert offset.samples is None
    offset.microphone(240, 10 * NS_PER_MS)
    assert offset.samples == 100


@pytest.mark.parametrize("pause_s", [2, 60])
def test_offset_forgets_what_it_knew_before_a_long_pause(pause_s: int) -> None:
    offset = CardOffset()

    def hear(start_ns: int, apart: float) -> list[float | None]:
        seen = []
        for step in range(10):
            time_ns = start_ns + step * 10 * NS_PER_MS
            offset.speaker(time_ns * SAMPLE_RATE_HZ / NS_PER_S + apart, time_ns)
            offset.microphone(time_ns * SAMPLE_RATE_HZ / NS_PER_S, time_ns)
            seen.append(offset.samples)
        return seen

    for window in range(11):
        hear(window * 100 * NS_PER_MS, 500.0)
    after = hear(round((1.1 + pause_s) * NS_PER_S), 600.0)
    assert after[:-1] == pytest.approx([500.0] * 9)
    assert after[-1] == pytest.approx(500.0 if pause_s == 2 else 600.0)


def test_line_gives_what_was_written_and_zeros_between() -> None:
    line = ReferenceLine()
    line.write(100, LOUD[:50])
    line.write(200, LOUD[50:100])
    read = line.read(90, 220)
    np.testing.assert_array_equal(read[10:60], LOUD[:50])
    np.testing.assert_array_equal(read[110:160], LOUD[50:100])
    assert not read[:10].any()
    assert not read[60:110].any()
    assert not read[160:].any()


def test_line_tells_by_how_much_a_period_came_too_late() -> None:
    line = ReferenceLine()
    line.write(0, LOUD[:240])
    line.read(0, 240)
    assert line.write(240, LOUD[:120]) == 0
    assert line.write(360, LOUD[:120]) == -120
    line.read(240, 480)
    assert line.write(480, LOUD[:120]) == 240


@pytest.mark.parametrize("start", [1 << 16, 10_000_000, 1 << 40])
def test_line_forgets_everything_after_a_long_silence(start: int) -> None:
    line = ReferenceLine()
    line.write(0, LOUD)
    line.write(start, LOUD[:120])
    assert not line.read(start - 20_000, 20_000).any()
    np.testing.assert_array_equal(line.read(start, 120), LOUD[:120])


def test_line_goes_round_its_end() -> None:
    line = ReferenceLine()
    for start in range(0, 200_000, 120):
        period = (np.arange(start, start + 120) % 30_000 + 1).astype(np.int16)
        line.write(start, period)
        np.testing.assert_array_equal(line.read(start, 120), period)


def test_periods_of_24_khz_stay_as_they_are() -> None:
    start, samples = ReferenceRate().place(frame(720, 0, LOUD[:120]), SAMPLE_RATE_HZ)
    assert start == 720
    np.testing.assert_array_equal(samples, LOUD[:120])


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_periods_of_another_rate_become_one_sound(rate_hz: int) -> None:
    def tone(rate: int, seconds: float) -> Samples:
        at = np.arange(round(rate * seconds)) / rate
        sine: Samples = np.rint(8_000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
        return sine

    rate, line = ReferenceRate(), ReferenceLine()
    played = tone(rate_hz, 1.0)
    period = rate_hz // 200
    for start in range(0, len(played) - period + 1, period):
        line.write(*rate.place(frame(start, 0, played[start : start + period]), rate_hz))
    heard = line.read(2_400, 12_000).astype(int)
    expected = tone(SAMPLE_RATE_HZ, 1.0)[2_400:14_400].astype(int)
    assert np.abs(heard - expected).max() < 250
    apart = rate_hz * 2
    later, _ = rate.place(frame(apart, 0, played[:period]), rate_hz)
    assert later == 2 * SAMPLE_RATE_HZ
