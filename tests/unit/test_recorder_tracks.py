"""Where a recorder puts what both cards pass, as clocks jitter, drift, jump and stand still."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.pcm import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ
from pipeline.recorder.tracks import TOLERANCE_SAMPLES, MicrophoneTrack, SpeakerTrack, Timeline
from pipeline.shm.frames import FLAG_STREAM_START, Frame
from pipeline.shm.state import SharedState

PERIOD = 120
START_NS = 5 * NS_PER_S
WITHIN_1_MS = SAMPLE_RATE_HZ // 1_000
Shift = tuple[str, int, int]


class Tracks:
    """Both tracks of a recording, and how they were moved."""

    def __init__(self, state: SharedState) -> None:
        self._words = state.recorder
        self.shifts: list[Shift] = []
        self.begin()

    def begin(self) -> None:
        """Let a new recorder go on."""
        timeline = Timeline(START_NS)
        words = self._words

        def note(*shift: str | int) -> None:
            self.shifts.append(shift)  # type: ignore[arg-type]

        self.microphone = MicrophoneTrack("microphone", timeline, words.microphone_place, note)
        self.speaker = SpeakerTrack(timeline, self.microphone, words.speaker_place, note)

    def commit(self) -> None:
        self.microphone.commit()
        self.speaker.commit()

    def hear(self, at: int, time_ns: float, *, starts: bool = False) -> int:
        """Return the place of a period of the microphone."""
        return self.microphone.place(frame(at, time_ns, starts=starts)).place

    def sound(self, at: int, time_ns: float, *, starts: bool = False) -> int:
        """Return the place of a period that sounds."""
        placed = self.speaker.place(frame(at, time_ns, starts=starts), SAMPLE_RATE_HZ)
        assert placed is not None
        return placed.place

    def keep_silent(self, at: int, time_ns: float) -> None:
        assert self.speaker.place(frame(at, time_ns, count=0), SAMPLE_RATE_HZ) is None


@pytest.fixture
def tracks() -> Iterator[Tracks]:
    with SharedState.create() as state:
        yield Tracks(state)


def frame(at: int, time_ns: float, *, starts: bool = False, count: int = PERIOD) -> Frame:
    flags = FLAG_STREAM_START if starts else 0
    return Frame(0, 0, 1, at, round(time_ns), flags, np.ones(count, np.int16))


def ns(samples: float) -> float:
    return samples * NS_PER_S / SAMPLE_RATE_HZ


def test_one_clock_keeps_every_sample_and_the_silence_between(tracks: Tracks) -> None:
    random = np.random.default_rng(1)
    late_ns = random.exponential(NS_PER_MS, 4_000)
    places = []
    for number in range(2_000):
        at = number * PERIOD
        time_ns = START_NS + NS_PER_S + ns(at)
        tracks.hear(at, time_ns + late_ns[2 * number], starts=number == 0)
        if number // 100 % 4 == 3:
            places.append(tracks.sound(at, time_ns + 20 * NS_PER_MS + late_ns[2 * number + 1]))
        else:
            tracks.keep_silent(at, time_ns + 20 * NS_PER_MS + late_ns[2 * number + 1])
    first = 300 * PERIOD
    assert [place - places[0] for place in places[:100]] == [n * PERIOD for n in range(100)]
    assert places[100] - places[0] == 400 * PERIOD
    expected = SAMPLE_RATE_HZ + first + SAMPLE_RATE_HZ // 50
    assert abs(places[0] - expected) < 5 * WITHIN_1_MS, "the first period came late"
    assert not tracks.shifts


@pytest.mark.parametrize("drift", [-1e-4, 1e-4])
def test_drift_is_corrected_in_silence_only(tracks: Tracks, drift: float) -> None:
    places = {}
    for number in range(24_000):  # two minutes
        at = number * PERIOD
        tracks.hear(at, START_NS + ns(at))
        sounds_ns = START_NS + ns(at) * (1 + drift)
        if number // 200 % 2:
            places[at] = tracks.sound(at, sounds_ns)
            if number % 200 == 0:
                wanted = at * (1 + drift)
                assert abs(places[at] - wanted) <= WITHIN_1_MS
        else:
            tracks.keep_silent(at, sounds_ns)
    followed = [
        (at, places[at + PERIOD] - place) for at, place in places.items() if at + PERIOD in places
    ]
    assert {step for _, step in followed} == {PERIOD}, "no sound was stretched"
    assert tracks.shifts
    assert {name for name, _, _ in tracks.shifts} == {"speaker"}
    assert {np.sign(samples) for _, _, samples in tracks.shifts} == {np.sign(drift)}
    assert min(abs(samples) for _, _, samples in tracks.shifts) > TOLERANCE_SAMPLES


def test_a_microphone_that_starts_again_leaves_silence_as_long_as_the_clock_says(
    tracks: Tracks,
) -> None:
    for number in range(10):
        last = tracks.hear(number * PERIOD, START_NS + ns(number * PERIOD))
    away = 6_000
    at = 10 * PERIOD
    again = tracks.hear(at, START_NS + ns(at + away), starts=True)
    assert again == last + PERIOD + away
    assert tracks.hear(at + PERIOD, START_NS + ns(at + PERIOD + away)) == again + PERIOD
    assert tracks.shifts == [("microphone", at, away)]


def test_a_machine_that_stood_still_moves_both_sides_alike(tracks: Tracks) -> None:
    for number in range(10):
        at = number * PERIOD
        tracks.hear(at, START_NS + ns(at))
        tracks.sound(at, START_NS + ns(at))
    at, away = 10 * PERIOD, 2 * SAMPLE_RATE_HZ
    assert tracks.hear(at, START_NS + ns(at + away)) == at + away
    assert tracks.sound(at, START_NS + ns(at + away)) == at + away


def test_the_loudspeaker_stays_beside_a_microphone_that_loses_samples(tracks: Tracks) -> None:
    lost = SAMPLE_RATE_HZ // 10
    for number in range(1_000):
        at = number * PERIOD
        heard = tracks.hear(at, START_NS + ns(at + (lost if number >= 500 else 0)))
        if number % 200 == 199:
            sounded = tracks.sound(at, START_NS + ns(at))
        else:
            tracks.keep_silent(at, START_NS + ns(at))
    assert heard == 999 * PERIOD, "nothing comes between its samples"
    assert sounded == heard - lost
    ((name, _, samples),) = tracks.shifts
    assert (name, samples) == ("speaker", -lost)


def test_a_stall_of_both_cards_moves_nothing(tracks: Tracks) -> None:
    stall = SAMPLE_RATE_HZ // 20
    for number in range(1_000):
        at = number * PERIOD
        tracks.hear(at, START_NS + ns(at + (stall if number >= 300 else 0)))
        time_ns = START_NS + ns(at + (stall if number >= 310 else 0))
        if number % 2:
            assert tracks.sound(at, time_ns) == at
        else:
            tracks.keep_silent(at, time_ns)
    assert not tracks.shifts


def test_what_was_dropped_leaves_a_hole_of_its_length(tracks: Tracks) -> None:
    first = tracks.hear(0, START_NS)
    assert tracks.hear(9_000, START_NS + ns(9_000)) == first + 9_000


def test_nothing_is_put_over_what_was_put_before(tracks: Tracks) -> None:
    tracks.hear(0, START_NS)
    end = tracks.sound(0, START_NS) + PERIOD
    assert tracks.sound(PERIOD, START_NS - NS_PER_S, starts=True) == end


def test_a_new_recorder_goes_on_at_the_same_places(tracks: Tracks) -> None:
    for number in range(10):
        at = number * PERIOD
        tracks.hear(at, START_NS + ns(at) + 7 * NS_PER_MS)
        sounded = tracks.sound(at, START_NS + ns(at) - 3 * NS_PER_MS)
    tracks.commit()
    heard = tracks.hear(10 * PERIOD, START_NS + ns(10 * PERIOD))
    tracks.begin()
    late_ns = START_NS + ns(10 * PERIOD) + 9 * NS_PER_MS
    assert tracks.hear(10 * PERIOD, late_ns) == heard
    assert tracks.sound(10 * PERIOD, late_ns) == sounded + PERIOD
