"""The ready tone: its sound, when it begins, what silences it; over the real player and state."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.answer_source import RingAnswers
from pipeline.audio.fade import FADE_MS
from pipeline.audio.player import Player
from pipeline.audio.ready_tone import LENGTH_S, LEVEL_DBFS, ReadyTone, choose_tone, synthesize
from pipeline.audio.reference import ReferenceWriter
from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ears.blocks import decibels, power, to_float
from pipeline.ears.compiled import new_canceller
from pipeline.ears.far_end import FarEnd
from pipeline.ipc.reports import Device
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import Position, SharedState

PERIOD = 120
TONE = synthesize(SAMPLE_RATE_HZ)
CARD = DeviceChoice(Device(0, "card", "JACK", 0, 1, SAMPLE_RATE_HZ, False, True))


class Rig:
    """A player with a tone over both its rings."""

    def __init__(self, state: SharedState, ring: FrameRing, reference: FrameRing) -> None:
        self.state = state
        self._writer = ring.writer()
        self._reference = reference.reader()
        self.player = Player(
            RingAnswers(ring.reader(), 0, Position(0, 0)),
            state,
            SAMPLE_RATE_HZ,
            reference=ReferenceWriter(reference.writer(), state.playback, SAMPLE_RATE_HZ),
            tone=ReadyTone(state, SAMPLE_RATE_HZ),
        )

    def become_ready(self) -> None:
        self.state.network.ready.store(1)
        self.state.capture.callback_ns.store(1)

    def play(self, samples: int) -> Samples:
        return np.concatenate([self._render() for _ in range(-(-samples // PERIOD))])

    def answer(self, sound: Samples) -> None:
        assert self._writer.write(sound, generation=0, item=1, item_offset_samples=0)

    def referred(self) -> Samples:
        """Return what the ears have been told to sound, and forget it."""
        periods = [np.zeros(0, np.int16)]
        while (frame := self._reference.front()) is not None:
            periods.append(frame.samples.copy())
            self._reference.advance()
        return np.concatenate(periods)

    def _render(self) -> Samples:
        out = np.full(PERIOD, 12_345, np.int16)
        self.player.render(out, 0)
        return out


@pytest.fixture
def rig() -> Iterator[Rig]:
    with (
        SharedState.create() as state,
        FrameRing.create(64) as ring,
        FrameRing.create(512) as reference,
    ):
        yield Rig(state, ring, reference)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100, 48_000])
def test_the_tone_is_soft_and_begins_and_ends_in_silence(rate_hz: int) -> None:
    tone = synthesize(rate_hz)
    assert len(tone) == pytest.approx(LENGTH_S * rate_hz, abs=1)
    assert decibels(power(to_float(tone))) == pytest.approx(LEVEL_DBFS, abs=0.1)
    assert np.abs(tone[:5]).max() < 100
    assert np.abs(tone[-5:]).max() < 10
    assert np.abs(tone).max() < 32_768 // 3


def test_the_tone_holds_all_frequencies_of_a_voice() -> None:
    spectrum = np.abs(np.fft.rfft(TONE / 32_768)) ** 2
    hz = np.fft.rfftfreq(len(TONE), 1 / SAMPLE_RATE_HZ)
    bands = [
        spectrum[(hz >= low) & (hz < low * 2**0.5)].mean()
        for low in 200 * 2 ** np.arange(0, 5, 0.5)
    ]
    levels_db = 10 * np.log10(np.array(bands) / max(bands))
    assert levels_db.min() > -30


def test_the_whole_tone_sounds_once_when_the_conversation_is_ready(rig: Rig) -> None:
    assert not rig.play(SAMPLE_RATE_HZ // 10).any()
    rig.become_ready()
    sounded = rig.play(2 * SAMPLE_RATE_HZ)
    assert np.array_equal(sounded[: len(TONE)], TONE)
    assert not sounded[len(TONE) :].any()
    assert np.array_equal(np.trim_zeros(rig.referred()), np.trim_zeros(TONE))
    rig.state.network.ready.store(0)
    rig.play(PERIOD)
    rig.state.network.ready.store(1)
    assert not rig.play(2 * SAMPLE_RATE_HZ).any()


def test_the_tone_is_no_answer(rig: Rig) -> None:
    rig.become_ready()
    rig.play(2 * SAMPLE_RATE_HZ)
    words = rig.state.playback
    assert (words.handed.load(), words.heard.load(), words.played_samples.load()) == (0, 0, 0)


def test_the_tone_waits_until_the_ears_have_the_microphone(rig: Rig) -> None:
    rig.become_ready()
    rig.state.supervisor.ears.store(2)
    rig.state.capture.route.store(1)
    assert not rig.play(SAMPLE_RATE_HZ).any()
    rig.state.capture.route.store(2)
    assert np.array_equal(rig.play(len(TONE))[: len(TONE)], TONE)


def hear_turn(rig: Rig) -> None:
    rig.state.ears.turn_begin_ns.store(1)


def hear_speech(rig: Rig) -> None:
    rig.state.network.speech_heard_ns.store(1)


def interrupt(rig: Rig) -> None:
    rig.state.network.generation.store(1)


def end(rig: Rig) -> None:
    rig.state.supervisor.stop.store(1)


@pytest.mark.parametrize("silence", [hear_turn, hear_speech, interrupt, end])
def test_the_tone_is_silenced_for_good_without_a_click(
    rig: Rig, silence: Callable[[Rig], None]
) -> None:
    rig.become_ready()
    before = rig.play(SAMPLE_RATE_HZ // 2)
    silence(rig)
    after = rig.play(SAMPLE_RATE_HZ)
    fade = SAMPLE_RATE_HZ // 50
    assert after[:fade].any()
    assert not after[fade:].any()
    assert (
        np.abs(np.diff(np.concatenate([before[-1:], after]))).max() <= np.abs(np.diff(TONE)).max()
    )
    rig.state.ears.turn_begin_ns.store(0)
    assert not rig.play(SAMPLE_RATE_HZ).any()


@pytest.mark.parametrize("silence", [hear_turn, hear_speech, interrupt, end])
def test_the_tone_never_begins_after_that(rig: Rig, silence: Callable[[Rig], None]) -> None:
    silence(rig)
    rig.become_ready()
    assert not rig.play(2 * SAMPLE_RATE_HZ).any()


def test_an_answer_sounds_at_once_over_the_end_of_the_tone(rig: Rig) -> None:
    rig.become_ready()
    rig.play(SAMPLE_RATE_HZ // 2)
    answer = np.full(1_200, 1_000, np.int16)
    rig.answer(answer)
    sounded = rig.play(1_200)
    fade = SAMPLE_RATE_HZ // 50
    assert (sounded[:fade] != answer[:fade]).any()
    assert np.array_equal(sounded[fade:], answer[fade:])
    assert Position.unpacked(rig.state.playback.handed.load()) == Position(1, 1_200)
    assert not rig.play(SAMPLE_RATE_HZ).any()


def test_a_loud_answer_over_the_tone_does_not_overflow(rig: Rig) -> None:
    rig.become_ready()
    rig.play(SAMPLE_RATE_HZ // 2)
    rig.answer(np.full(1_200, 32_767, np.int16))
    assert rig.play(1_200).min() > 20_000


def test_a_cut_during_the_tone_reports_no_answer(rig: Rig) -> None:
    rig.become_ready()
    rig.play(SAMPLE_RATE_HZ // 2)
    interrupt(rig)
    rig.play(FADE_MS * SAMPLE_RATE_HZ // 1_000)
    cut = rig.state.latest_cut()
    assert cut is not None
    assert (cut.generation, cut.heard, cut.discarded_frames) == (1, Position(0, 0), 0)


def test_the_ears_count_the_tone_and_learn_the_echo_from_it() -> None:
    canceller, far_end = new_canceller(), FarEnd()
    echo = np.concatenate([np.zeros(2 * BLOCK_SAMPLES), TONE / 4]).astype(np.int16)
    left = []
    for start in range(0, len(TONE) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
        block = slice(start, start + BLOCK_SAMPLES)
        far_end.hear(TONE[block])
        left.append(canceller.cancel(echo[block], TONE[block]).residual_power)
    assert far_end.heard_s > 0.8
    heard = power(to_float(echo[len(TONE) // 2 : len(TONE) * 3 // 4]))
    assert (
        decibels(float(np.mean(left[len(left) // 2 : len(left) * 3 // 4]))) < decibels(heard) - 15
    )


@pytest.mark.parametrize(
    ("ready_tone", "choice", "with_ears", "sounds"),
    [
        ("auto", CARD, True, True),
        ("auto", CARD, False, False),
        ("on", CARD, False, True),
        ("off", CARD, True, False),
        ("on", DeviceChoice(Path("answer.wav")), True, False),
    ],
)
def test_where_the_tone_sounds(
    ready_tone: str, choice: DeviceChoice, with_ears: bool, sounds: bool
) -> None:
    settings = Settings(ready_tone=ready_tone)
    with SharedState.create() as state:
        tone = choose_tone(settings, choice, state, SAMPLE_RATE_HZ, ears=with_ears)
        assert (tone is not None) is sounds


def test_a_new_playback_process_does_not_begin_it_again(rig: Rig) -> None:
    settings = Settings(ready_tone="on")
    assert choose_tone(settings, CARD, rig.state, SAMPLE_RATE_HZ, ears=True) is not None
    rig.become_ready()
    rig.play(PERIOD)
    assert choose_tone(settings, CARD, rig.state, SAMPLE_RATE_HZ, ears=True) is None
