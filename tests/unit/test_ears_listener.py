"""A listener between the rings of a simulated playback and microphone, on a clock of its own."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from pipeline.ears import listener as module
from pipeline.ears.ears import Ears
from pipeline.ears.heard import Heard
from pipeline.ears.job import EarsJob
from pipeline.ears.listener import Listener
from pipeline.ears.parts import Parts
from pipeline.ipc.child import SupervisorLink
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples, ms_to_samples, samples_to_ns
from pipeline.shm.frames import Frame
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from tests.support.sound import noise

PERIOD = 120
WAKE_UP_BLOCKS = 5
"""While nothing sounds the ears hear so many blocks at once."""
ANSWER = noise(1, 1_000, 9_000, seed=1)
ANSWERS = 2 * WAKE_UP_BLOCKS
"""Each begins at another place in the blocks that are heard at once."""
JOB = EarsJob(
    holds=True,
    interrupts=False,
    sends="cleaned",
    turn_prefix_ms=0,
    turn_silence_ms=None,
    frame_samples=1_200,
)


class NotedReferences(Ears):
    """Notes what it is given to hear.

    :ivar moved: what it is told when the reference moves.
    :ivar speech: what it hears.
    :ivar echo_moves_samples: what it finds in the next block.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.references: list[Samples] = []
        self.moved: list[tuple[int, Sequence[Samples]]] = []
        self.speech = False
        self.echo_moves_samples = 0

    def hear(self, microphone: Samples, reference: Samples, *, holding: bool = False) -> Heard:
        self.references.append(reference)
        heard = super().hear(microphone, reference, holding=holding)
        moved_samples, self.echo_moves_samples = self.echo_moves_samples, 0
        return heard._replace(speech=self.speech, echo_moved_samples=moved_samples)

    def reference_moved(self, later_blocks: int, references: Sequence[Samples]) -> None:
        self.moved.append((later_blocks, references))
        super().reference_moved(later_blocks, references)

    def correct(self, references: Sequence[Samples]) -> None:
        self.references[-len(references) :] = references
        super().correct(references)


class Rig:
    """Both cards begin at 0 of the same clock.

    :ivar ahead: how many samples before it sounds a period is given to the loudspeaker.
    """

    def __init__(
        self, state: SharedState, ring: FrameRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "Ears", NotedReferences)
        self.ahead = PERIOD
        self._now = self._rendered = self._heard = 0
        clock = SimpleNamespace(monotonic_ns=lambda: samples_to_ns(self._now))
        monkeypatch.setattr(module, "time", clock)
        link = cast("SupervisorLink", SimpleNamespace(report=lambda _report: None))
        state.playback.rate_hz.store(SAMPLE_RATE_HZ)
        state.playback.played_samples.store(1)  # what sounds is an answer
        self._writer = ring.writer()
        self._listener = Listener(state, ring.reader(), Parts(), JOB, link)
        self.state = state
        self.ears = cast("NotedReferences", self._listener._ears)

    @property
    def references(self) -> Samples:
        return np.concatenate(self.ears.references)

    def run(self, sound: Samples, *, generation: int = 0) -> None:
        """Let `sound` play, from the next period on; zeros are not given to the ears."""
        end = self._rendered + len(sound)
        begins = self._rendered
        while self._rendered < end:
            period = sound[self._rendered - begins :][:PERIOD]
            if period.any():
                at_ns = samples_to_ns(self._rendered)
                assert self._writer.write(
                    period,
                    generation=generation,
                    item_offset_samples=self._rendered,
                    capture_time_ns=at_ns,
                )
            self._rendered += PERIOD
            self._now = self._rendered - self.ahead
            self._hear()

    def _hear(self) -> None:
        at_once = WAKE_UP_BLOCKS if self._listener.rests else 1
        if self._now < self._heard + at_once * BLOCK_SAMPLES:
            return
        while self._heard + BLOCK_SAMPLES <= self._now:
            silence = np.zeros(BLOCK_SAMPLES, np.int16)
            block = Frame(0, 0, 0, self._heard, samples_to_ns(self._heard), 0, silence)
            self._listener.hear(block)
            self._heard += BLOCK_SAMPLES


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with SharedState.create() as state, FrameRing.create(200) as ring:
        yield Rig(state, ring, monkeypatch)


def silence(periods: int) -> Samples:
    return np.zeros(periods * PERIOD, np.int16)


@pytest.mark.parametrize("ahead_ms", [3, 6, 9, 15, 30])
def test_ears_are_given_each_answer_from_its_first_sample_on(rig: Rig, ahead_ms: int) -> None:
    rig.ahead = ms_to_samples(ahead_ms)
    rig.run(np.concatenate([ANSWER, ANSWER]))  # the times of both cards become known
    for periods in range(100, 100 + ANSWERS):
        rig.run(np.concatenate([silence(periods), ANSWER]))
    rig.run(silence(20))
    sounded = rig.references
    begins = [at for at in np.flatnonzero(sounded == ANSWER[0]) if is_answer(sounded[at:])]
    assert len(begins) == 1 + ANSWERS


def is_answer(sounded: Samples) -> bool:
    return np.array_equal(sounded[: len(ANSWER)], ANSWER)


def test_no_hold_begins_when_the_answer_is_cut_already(rig: Rig) -> None:
    rig.run(np.concatenate([ANSWER, ANSWER]))
    rig.state.network.generation.store(1)
    rig.ears.speech = True
    rig.run(ANSWER[: 2 * PERIOD])  # the period that is on its way, and the fade-out
    rig.run(silence(20))
    assert rig.state.ears.holds.load() == 0
    rig.run(ANSWER, generation=1)
    assert rig.state.ears.holds.load() > 0


def test_the_ready_tone_is_not_held(rig: Rig) -> None:
    rig.state.playback.played_samples.store(0)
    rig.ears.speech = True
    rig.run(ANSWER)
    assert rig.state.ears.holds.load() == 0
    rig.state.playback.played_samples.store(1)
    rig.run(ANSWER)
    assert rig.state.ears.holds.load() > 0


def test_what_was_learnt_is_kept_when_the_reference_is_expected_later(rig: Rig) -> None:
    rig.ahead = ms_to_samples(3)
    rig.run(np.concatenate([ANSWER, ANSWER]))
    assert rig.state.ears.realigned.load() == 1
    _at_the_beginning, (later_blocks, latest) = rig.ears.moved
    assert later_blocks == 2
    sounded = np.trim_zeros(np.concatenate(latest), "f")
    assert sounded.size > BLOCK_SAMPLES
    assert np.array_equal(sounded, ANSWER[: sounded.size])


@pytest.mark.parametrize("later", [100, -100])
def test_the_reference_follows_an_echo_that_has_moved(rig: Rig, later: int) -> None:
    rig.ahead = ms_to_samples(30)
    rig.run(np.concatenate([ANSWER, silence(40)]))
    before = rig.references.size
    rig.run(ANSWER[: 40 * PERIOD])
    rig.ears.echo_moves_samples = later
    rig.run(np.concatenate([ANSWER[40 * PERIOD :], silence(40)]))
    assert rig.state.ears.realigned.load() == 1
    sounded = np.trim_zeros(rig.references[before:])
    assert sounded.size == ANSWER.size + later
    shared = min(sounded.size, ANSWER.size)
    moved_at = np.flatnonzero(sounded[:shared] != ANSWER[:shared])[0]
    assert np.array_equal(sounded[moved_at:], ANSWER[moved_at - later :])
    later_blocks, latest = rig.ears.moved[-1]
    assert later_blocks == 0
    known = np.trim_zeros(np.concatenate(latest), "f")
    assert np.array_equal(known[-BLOCK_SAMPLES:], ANSWER[: moved_at - later][-BLOCK_SAMPLES:])
