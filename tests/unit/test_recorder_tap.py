"""What capture and playback give to the recorder: every sample once, whatever the recorder does."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.audio.recorder_tap import RecorderTap
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, samples_to_ns
from pipeline.shm.frames import FLAG_STREAM_START, Frame
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from tests.support.sound import RATE_HZ, Samples, noise

SOUND = noise(10, 1, 9_000, seed=1)
START_NS = 7 * NS_PER_S


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    with FrameRing.create(400) as ring:
        yield ring


def tap(ring: FrameRing, state: SharedState) -> RecorderTap:
    return RecorderTap(ring.writer(), state.capture.unrecorded_frames, RATE_HZ)


def taken(ring: FrameRing) -> list[Frame]:
    reader = ring.reader()
    frames = []
    while (frame := reader.front()) is not None:
        frames.append(frame._replace(samples=frame.samples.copy()))
        reader.advance()
    return frames


def line(frames: list[Frame], length: int) -> Samples:
    """Return the frames at their places."""
    samples = np.zeros(length, np.int16)
    for frame in frames:
        assert not samples[frame.item_offset_samples : frame.end_samples].any(), "published twice"
        samples[frame.item_offset_samples : frame.end_samples] = frame.samples
    return samples


def test_every_sample_is_published_once_with_its_time_and_item(
    ring: FrameRing, state: SharedState
) -> None:
    random = np.random.default_rng(2)
    recorder = tap(ring, state)
    expected = np.zeros_like(SOUND)
    items = np.zeros(len(SOUND), np.int64)
    at = 0
    while at < len(SOUND):
        period = SOUND[at : at + int(random.choice([60, 120, 480, 1_200, 1_920]))]
        time_ns = START_NS + samples_to_ns(at)
        if random.random() < 0.2:
            recorder.put_silence(period, time_ns)
        else:
            item = 1 + at // (3 * RATE_HZ)
            recorder.put(period, time_ns, item=item)
            expected[at : at + len(period)] = period
            items[at : at + len(period)] = item
        at += len(period)
    recorder.publish()
    frames = taken(ring)
    assert np.array_equal(line(frames, len(SOUND)), expected)
    assert [frame.flags for frame in frames] == [FLAG_STREAM_START] + [0] * (len(frames) - 1)
    for frame in frames:
        begin = frame.item_offset_samples
        assert abs(frame.capture_time_ns - START_NS - samples_to_ns(begin)) <= 1
        assert set(items[begin : frame.end_samples]) <= {frame.item}
    assert not state.capture.unrecorded_frames.load()


def test_a_recorder_that_takes_nothing_delays_nothing_and_finds_a_hole(
    ring: FrameRing, state: SharedState
) -> None:
    recorder = tap(ring, state)
    twice = np.concatenate([SOUND] * 3)
    for at in range(0, len(twice), FRAME_SAMPLES):
        recorder.put(twice[at : at + FRAME_SAMPLES], START_NS + samples_to_ns(at))
    recorder.publish()
    kept = taken(ring)
    assert len(kept) == 400
    assert state.capture.unrecorded_frames.load() == 200
    recorder.put(SOUND[:1_200], START_NS)
    recorder.publish()
    (later,) = taken(ring)
    assert later.item_offset_samples == len(twice)


def test_a_pause_or_another_stream_begins_another_frame(
    ring: FrameRing, state: SharedState
) -> None:
    recorder = tap(ring, state)
    recorder.put(SOUND[:120], START_NS)
    recorder.put(SOUND[120:240], START_NS + NS_PER_S)
    recorder.stream_starts(RATE_HZ)
    recorder.put(SOUND[240:360], START_NS + 2 * NS_PER_S)
    recorder.publish()
    successor = tap(ring, state)
    successor.put_silence(SOUND[:120], START_NS + 3 * NS_PER_S)
    successor.publish()
    frames = taken(ring)
    assert [(frame.item_offset_samples, frame.flags) for frame in frames] == [
        (0, FLAG_STREAM_START),
        (120, 0),
        (240, FLAG_STREAM_START),
        (360, FLAG_STREAM_START),
    ]
    assert [frame.capture_time_ns // NS_PER_S for frame in frames] == [7, 8, 9, 10]


def test_silence_is_a_time_now_and_then(ring: FrameRing, state: SharedState) -> None:
    recorder = tap(ring, state)
    for at in range(0, len(SOUND), 120):
        late_ns = 3_000 if at % 1_200 != 600 else 0
        recorder.put_silence(SOUND[at : at + 120], START_NS + samples_to_ns(at) + late_ns)
    recorder.publish()
    frames = taken(ring)
    assert [frame.item_offset_samples for frame in frames] == list(range(0, len(SOUND), 1_200))
    assert not any(len(frame.samples) for frame in frames)
    for frame in frames:  # the earliest period tells the time
        begin_ns = START_NS + samples_to_ns(frame.item_offset_samples)
        assert abs(frame.capture_time_ns - begin_ns) <= 1
