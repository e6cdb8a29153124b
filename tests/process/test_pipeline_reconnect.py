"""A service that leaves in the middle: the conversation goes on in another session."""

import asyncio
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from pipeline.pcm import ms_to_samples
from tests.support.answers import answer, negative, positive, user_turn
from tests.support.at_once import Check, Held, by_name
from tests.support.hearing import end_when_heard
from tests.support.leaving import WAYS_TO_LEAVE, Leave
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples, noise, read_wav

OUTAGE_S = 1.0
SPOKEN = noise(5, 1, 20_000, seed=1)
FIRST, SECOND = positive(3, seed=2), negative(0.5, seed=3)


class Service(ScriptedService):
    """Leaves in the middle of the first answer, and stays away for a while."""

    def __init__(self, leave: Leave) -> None:
        super().__init__(self._answer)
        self._leave = leave
        self.turn_end = 0

    async def _answer(self, session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        if session is not self.sessions[0]:
            await answer(session, "second", SECOND)
            await session.end_answer("second", "item_second")
            return
        self.turn_end = ms_to_samples(await user_turn(session, "u1", "Hello."))
        await session.start_answer("first")
        words = {"response_id": "first", "item_id": "item_first", "delta": "Good morning."}
        await session.send("response.audio_transcript.delta", **words)
        await answer(session, "first", FIRST, created=True)
        self.refusal = web.HTTPServiceUnavailable
        asyncio.get_running_loop().call_later(OUTAGE_S, self._come_back)
        await self._leave(session)

    def _come_back(self) -> None:
        self.refusal = None


def converse(folder: Path, service: ScriptedService, *more: str) -> tuple[int, str]:
    """Exit code and standard error."""
    with run_on_files(service, folder, SPOKEN, *more) as program:
        code = program.wait_exit()
        program.wait_gone()
        return code, program.err


def replayed(session: ScriptedSession) -> list[tuple[str, str]]:
    """Return who said what, as it was replayed to the session."""
    items = [e["item"] for e in session.received if e["type"] == "conversation.item.create"]
    return [(item["role"], part["text"]) for item in items for part in item["content"]]


def arrived(session: ScriptedSession) -> Samples:
    return np.frombuffer(bytes(session.heard), np.int16)


def the_conversation_goes_on(leave: Leave, folder: Path) -> None:
    with Service(leave) as service:
        code, err = converse(folder, service)
    assert (code, err) == (1, "error: The service did not answer all that was said.\n")
    first, second = service.sessions
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], np.concatenate((FIRST, SECOND)))
    assert replayed(second) == [("user", "Hello."), ("assistant", "Good morning.")]
    assert not second.count("response.create"), "it had been answered in part"
    check_microphone(arrived(first), arrived(second), service.turn_end)


def check_microphone(before: Samples, after: Samples, turn_end: int) -> None:
    """The first session got the beginning, the second everything after the committed turn."""
    assert np.array_equal(before, SPOKEN[: len(before)])
    rest = SPOKEN[turn_end:]
    assert np.array_equal(after[: len(rest)], rest)
    assert not after[len(rest) :].any(), "only silence may follow the recording"


def a_question_that_was_not_answered_is_asked_again(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        if session is service.sessions[0]:
            await user_turn(session, "u1", "What is the time?")
            await session.close()
        else:
            await session.wait_for(lambda: session.count("response.create"))
            await answer(session, "second", SECOND)
            await session.end_answer("second", "item_second")

    with ScriptedService(script) as service, run_on_files(service, folder, SPOKEN) as program:
        end_when_heard(program, folder / HEARD, SECOND)
        assert not program.err
    assert replayed(service.sessions[1]) == [("user", "What is the time?")]
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], SECOND)


def a_service_that_never_comes_back_is_given_up(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await answer(session, "first", SECOND)
        await session.end_answer("first", "item_first")
        await asyncio.sleep(1)
        service.refusal = web.HTTPServiceUnavailable
        await session.close()

    with ScriptedService(script) as service:
        code, err = converse(folder, service, "--reconnect-s", "1")
    assert (code, len(err.splitlines())) == (1, 1), err
    assert "HTTP 503" in err
    assert "Connecting was tried for 1 s. Start again to go on talking." in err
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], SECOND)


CHECKS: dict[str, Check] = {
    **{
        f"the_conversation_goes_on, {leave.__name__}": partial(the_conversation_goes_on, leave)
        for leave in WAYS_TO_LEAVE
    },
    **by_name(
        a_question_that_was_not_answered_is_asked_again,
        a_service_that_never_comes_back_is_given_up,
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_service_that_leaves(held: Held, name: str) -> None:
    held.look(name)
