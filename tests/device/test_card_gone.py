"""A sound server that stands still, dies and comes back: the session goes on with the same card."""

import time
from pathlib import Path

import numpy as np

from tests.support.answers import answer, positive
from tests.support.jack_card import JackCard, JackPeer, decoded, wait_until
from tests.support.measured import show_measured
from tests.support.program import Program
from tests.support.runs import run_against
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise

STOPPED_S = 5.0
ANSWER = positive(6, seed=1)
STEP = 16
OTHER_RATE_HZ = 48_000


def test_a_server_that_is_killed_in_mid_answer_and_comes_back(tmp_path: Path) -> None:
    with (
        JackCard() as card,
        ScriptedService() as service,
        run_against(
            service, tmp_path, "--ready-tone", "off", environment=card.environment
        ) as program,
    ):
        with JackPeer(card) as peer:
            session = begin(service, program, peer)
            card.kill()
            killed_s = time.monotonic()
        before = sounding(peer)
        card.restart(RATE_HZ)
        with JackPeer(card) as peer:
            peer.connect(program.check_running)
            wait_until(lambda: ended(peer))
            show_measured(f"heard to its end {time.monotonic() - killed_s:.1f} s after the kill")
            check_goes_on(before, sounding(peer))
            check_listens(session, peer)
            card.kill()
        card.restart(OTHER_RATE_HZ)
        with JackPeer(card) as peer:
            peer.connect(program.check_running)
            check_converses(service, peer)
            end(service, program)


def test_a_server_that_stands_still(tmp_path: Path) -> None:
    with (
        JackCard() as card,
        ScriptedService() as service,
        run_against(
            service, tmp_path, "--ready-tone", "off", environment=card.environment
        ) as program,
        JackPeer(card) as peer,
    ):
        session = begin(service, program, peer)
        with card.stopped():
            program.wait_output("The microphone has not worked for 3 s")
            time.sleep(STOPPED_S - 3)
        wait_until(lambda: ended(peer))
        assert np.array_equal(sounding(peer), ANSWER)
        program.wait_output("The microphone is working again.")
        check_listens(session, peer)
        end(service, program)


def begin(service: ScriptedService, program: Program, peer: JackPeer) -> ScriptedSession:
    """Let the first second of the answer sound."""
    peer.connect(program.check_running)
    program.wait_output("Ready: speak")
    (session,) = service.sessions
    service.call(answer(session, "answer", ANSWER))
    service.call(session.end_answer("answer", "item_answer"))
    wait_until(lambda: sounding(peer).size > RATE_HZ)
    return session


def sounding(peer: JackPeer) -> Samples:
    heard = peer.heard()
    return heard[heard > 10_000]


def ended(peer: JackPeer) -> bool:
    heard = sounding(peer)
    return heard.size > 0 and heard[-1] == ANSWER[-1]


def check_goes_on(before: Samples, after: Samples) -> None:
    """The answer went on where it stopped; the peer may have come too late for its beginning."""
    assert np.array_equal(before, ANSWER[: len(before)])
    assert np.array_equal(after, ANSWER[-len(after) :])
    assert len(before) + len(after) <= len(ANSWER)


def check_listens(session: ScriptedSession, peer: JackPeer) -> None:
    """The microphone is heard, in the same session."""
    spoken = noise(0.3, 1_000 // STEP, 16_000 // STEP, seed=3) * STEP
    start = len(session.heard) // 2
    peer.say(spoken)

    def arrived() -> bool:
        heard = decoded(np.frombuffer(bytes(session.heard), np.int16)[start:])
        at = np.flatnonzero(heard == spoken[0])
        return any(np.array_equal(heard[i:][: len(spoken)], spoken) for i in at)

    wait_until(arrived)


def check_converses(service: ScriptedService, peer: JackPeer) -> None:
    """Both ways are open; resampled, so that no sample is the same."""
    (session,) = service.sessions
    service.call(answer(session, "second", ANSWER[:RATE_HZ]))
    service.call(session.end_answer("second", "item_second"))
    wait_until(lambda: np.count_nonzero(peer.heard() > 5_000) > OTHER_RATE_HZ // 2)
    start = len(session.heard)
    peer.say(positive(1, seed=4))
    wait_until(lambda: np.frombuffer(bytes(session.heard[start:]), np.int16).any())


def end(service: ScriptedService, program: Program) -> None:
    assert len(service.sessions) == 1
    assert "of microphone audio were lost: it stood still or was opened again" in program.out
    program.interrupt()
    assert program.wait_exit() == 0, program.said
    assert not program.err
