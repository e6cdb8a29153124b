"""Periods of any length become exact frames, each with its capture time."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio.capture import STANDSTILL_NS, _at_24_khz, _place
from pipeline.audio.frame_assembler import FrameAssembler
from pipeline.audio.microphone_route import published_samples
from pipeline.audio.virtual_clock import ClockPlace
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.fields import CaptureFields
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import SharedState

START_NS = 5_000_000_000


class Rig:
    def __init__(self, state: SharedState, ring: FrameRing) -> None:
        self.words: CaptureFields = state.capture
        self.reader: RingReader = ring.reader()
        self.wakes: list[int] = []
        """Number of frames in the ring at each wake-up."""
        self._ring = ring
        self._pushed = 0
        self.start_assembler()

    def start_assembler(self) -> None:
        """Go on as a new process does: from what lies in shared memory."""
        self.assembler = FrameAssembler(
            self._ring.writer(), self.words, lambda: self.wakes.append(self.reader.fill_frames())
        )

    def push(self, samples: Samples) -> None:
        self.assembler.push(samples.tobytes(), START_NS + samples_to_ns(self._pushed))
        self._pushed += len(samples)

    def take(self) -> list[tuple[int, Samples]]:
        """Capture time and samples of all frames."""
        frames = []
        while (frame := self.reader.front()) is not None:
            frames.append((frame.capture_time_ns, frame.samples.copy()))
            self.reader.advance()
        return frames


@contextmanager
def capture_rig(capacity_frames: int = 32) -> Iterator[Rig]:
    with SharedState.create() as state, FrameRing.create(capacity_frames) as ring:
        yield Rig(state, ring)


def counted(samples: int, first: int = 0) -> Samples:
    return (np.arange(first, first + samples) % 65_536).astype(np.uint16).view(np.int16)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 3_000), max_size=12))
def test_periods_of_any_size_become_exact_frames_at_their_times(periods: list[int]) -> None:
    sound = counted(sum(periods))
    with capture_rig() as rig:
        start = 0
        for count in periods:
            rig.push(sound[start : start + count])
            start += count
        frames = rig.take()
        whole = len(sound) // FRAME_SAMPLES
        assert len(frames) == len(rig.wakes) == whole
        assert rig.words.captured_samples.load() == whole * FRAME_SAMPLES
        assert rig.words.lost_samples.load() == 0
        for n, (captured_at_ns, samples) in enumerate(frames):
            first = n * FRAME_SAMPLES
            assert np.array_equal(samples, sound[first : first + FRAME_SAMPLES])
            assert abs(captured_at_ns - START_NS - samples_to_ns(first)) <= 1


def test_the_network_is_woken_after_the_frame_is_there() -> None:
    with capture_rig() as rig:
        rig.push(counted(3 * FRAME_SAMPLES))
        assert rig.wakes == [1, 2, 3]


def test_a_full_ring_loses_whole_frames_and_counts_them() -> None:
    with capture_rig(capacity_frames=2) as rig:
        rig.push(counted(5 * FRAME_SAMPLES + 700))
        assert rig.words.lost_samples.load() == 3 * FRAME_SAMPLES
        assert rig.words.captured_samples.load() == 5 * FRAME_SAMPLES
        assert len(rig.wakes) == 2
        rig.take()
        rig.push(counted(2 * FRAME_SAMPLES - 700, first=5 * FRAME_SAMPLES + 700))
        (captured_at_ns, samples), _ = rig.take()
    assert np.array_equal(samples, counted(FRAME_SAMPLES, first=5 * FRAME_SAMPLES))
    assert captured_at_ns == START_NS + samples_to_ns(5 * FRAME_SAMPLES)


def test_the_heart_beats_with_every_frame() -> None:
    with capture_rig() as rig:
        rig.push(counted(FRAME_SAMPLES - 1))
        assert rig.words.callback_ns.load() == 0
        rig.push(counted(1))
        assert rig.words.callback_ns.load() > 0


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 16_000, 8_000])
def test_a_device_of_another_rate_is_heard_at_24_khz_at_the_right_time(rate_hz: int) -> None:
    seconds = 2
    click_s = 1.0
    period = rate_hz // 100
    sound = np.zeros(seconds * rate_hz, np.int16)
    sound[round(click_s * rate_hz)] = 30_000
    with capture_rig(capacity_frames=64) as rig:
        on_period = _at_24_khz(rig.assembler.push, rate_hz)
        for start in range(0, len(sound), period):
            pcm = sound[start : start + period].tobytes()
            on_period(pcm, START_NS + samples_to_ns(start, rate_hz))
        frames = rig.take()
    assert len(frames) >= seconds * SAMPLE_RATE_HZ // FRAME_SAMPLES - 2
    captured_at_ns, samples = max(frames, key=lambda frame: int(np.abs(frame[1]).max()))
    clicked_at_ns = captured_at_ns + samples_to_ns(int(np.argmax(np.abs(samples))))
    assert abs(clicked_at_ns - START_NS - int(click_s * 1e9)) <= 2 * samples_to_ns(1)


def test_what_is_lost_while_a_stream_is_reopened_is_counted() -> None:
    with capture_rig() as rig:
        rig.push(counted(600))
        rig.assembler.reopened()
        rig.assembler.push(counted(1_800).tobytes(), START_NS + samples_to_ns(600 + 2_400))
        assert rig.words.gap_samples.load() == 2_400
        assert rig.words.lost_samples.load() == 0


def test_a_new_process_counts_the_gap_and_goes_on() -> None:
    with capture_rig() as rig:
        rig.push(counted(FRAME_SAMPLES + 600))
        rig.start_assembler()
        rig.assembler.reopened()
        later_ns = START_NS + samples_to_ns(3 * FRAME_SAMPLES)
        rig.assembler.push(counted(FRAME_SAMPLES).tobytes(), later_ns)
        assert rig.words.gap_samples.load() == 2 * FRAME_SAMPLES
        assert rig.words.captured_samples.load() == 2 * FRAME_SAMPLES
        assert [captured_at_ns for captured_at_ns, _ in rig.take()] == [START_NS, later_ns]


def test_a_recorded_input_goes_on_after_the_last_frame_whatever_became_of_it() -> None:
    with SharedState.create() as state, FrameRing.create(2) as ring:
        words, writer = state.capture, ring.writer()
        assert _place(words, published_samples(ring, None, 0)) is None
        words.clock_start_ns.store(START_NS)
        assert writer.write(counted(FRAME_SAMPLES))  # and died before it was counted
        words.lost_samples.add(3 * FRAME_SAMPLES)
        place = _place(words, published_samples(ring, None, 0))
        assert place == ClockPlace(START_NS, 4 * FRAME_SAMPLES)
        assert words.captured_samples.load() == 4 * FRAME_SAMPLES


def test_a_card_that_stood_still_has_lost_the_time_between() -> None:
    period = counted(240)
    with SharedState.create() as state, FrameRing.create(32) as ring:
        assembler = FrameAssembler(
            ring.writer(), state.capture, lambda: None, standstill_ns=STANDSTILL_NS
        )
        times_ns = [START_NS, START_NS + samples_to_ns(240)]
        times_ns.append(times_ns[-1] + STANDSTILL_NS)  # late
        times_ns.append(times_ns[-1] + samples_to_ns(240) + 10 * NS_PER_S)
        for captured_at_ns in times_ns:
            assembler.push(period.tobytes(), captured_at_ns)
        assert state.capture.gap_samples.load() == 10 * SAMPLE_RATE_HZ
