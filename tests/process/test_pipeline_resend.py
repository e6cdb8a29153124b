"""A connection that ends in the middle of a spoken question: it is answered, and no sample is lost.

The microphone is noise, of which no two parts are alike, so each sample that a session was sent has
one place in it. The service finds the turn by these places, as the real one does by its ear: in the
audio of its own session.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipeline.pcm import ms_to_samples, samples_to_ms
from tests.support.answers import answer, positive
from tests.support.at_once import Check, Held, by_name
from tests.support.leaving import abort, expire
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples, noise, read_wav

SPOKEN = noise(6, 1, 20_000, seed=1)
FIRST_TURN, QUESTION = (500, 1_510), (2_000, 4_730)
"""Where the user speaks, in ms; the end of the first turn lies inside a frame."""

DETECTION_MS = 200
KEY_SAMPLES = 64
ANSWER = positive(0.3, seed=2)
ENOUGH_MS = 3_500
"""How much the session has heard of the question when it ends."""


async def stall(session: ScriptedSession) -> None:
    """Bring nothing and take nothing any more, on a connection that stays open."""
    session.stop_reading()
    await asyncio.Event().wait()


def place_of(samples: Samples) -> int:
    """Return where these samples lie in what is spoken."""
    key = samples[:KEY_SAMPLES]
    (found,) = (
        start
        for start in np.flatnonzero(key[0] == SPOKEN)
        if np.array_equal(SPOKEN[start:][:KEY_SAMPLES], key)
    )
    return int(found)


class Ear:
    """Finds turns in the audio of one session, and reports them."""

    def __init__(self, session: ScriptedSession) -> None:
        self.session = session
        self.taken: list[Samples] = []

    @property
    def heard(self) -> Samples:
        return np.frombuffer(bytes(self.session.heard), np.int16)

    async def covers(self, turn: tuple[int, int]) -> bool:
        """Whether the session hears this turn from its start."""
        await self.session.wait_for(lambda: len(self.session.heard) >= 2 * KEY_SAMPLES)
        return bool(self.heard[0]) and place_of(self.heard) <= ms_to_samples(turn[0])

    async def wait_spoken(self, spoken_ms: int) -> int:
        """Wait until what is spoken at this time was heard; return it in ms of the session."""
        await self.session.wait_for(lambda: len(self.session.heard) >= 2 * KEY_SAMPLES)
        begin_ms = samples_to_ms(place_of(self.heard))
        await self.session.wait_for(lambda: self.session.heard_ms >= spoken_ms - begin_ms)
        return spoken_ms - begin_ms

    async def hear(self, turn: tuple[int, int], item: str) -> None:
        """Follow a turn to its end, and answer it."""
        start_ms = await self.begin(turn, item)
        end_ms = await self.wait_spoken(turn[1])
        await self.session.speech_stopped(item, end_ms)
        self.taken.append(self.heard[ms_to_samples(start_ms) : ms_to_samples(end_ms)])
        await answer(self.session, item, ANSWER)
        await self.session.end_answer(item, f"item_{item}")

    async def begin(self, turn: tuple[int, int], item: str) -> int:
        start_ms = await self.wait_spoken(turn[0])
        await self.wait_spoken(turn[0] + DETECTION_MS)
        await self.session.speech_started(item, start_ms)
        return start_ms


class Service(ScriptedService):
    """Ends the first session in the middle of the question; the second hears it from its start."""

    def __init__(self, leave: Callable[[ScriptedSession], Awaitable[None]]) -> None:
        super().__init__(self._follow)
        self._leave = leave
        self.ears: list[Ear] = []

    async def _follow(self, session: ScriptedSession) -> None:
        ear = Ear(session)
        self.ears.append(ear)
        if session is self.sessions[0]:
            await ear.hear(FIRST_TURN, "u1")
            await ear.begin(QUESTION, "u2")
            await ear.wait_spoken(ENOUGH_MS)
            await self._leave(session)
        else:
            await ear.hear(QUESTION, "u2")


def a_question_is_heard_from_its_start_by_the_next_session(
    leave: Callable[[ScriptedSession], Awaitable[None]], folder: Path
) -> None:
    with Service(leave) as service, run_on_files(service, folder, SPOKEN) as program:
        assert program.wait_exit() == 0, program.said
        program.wait_gone()
    first, second = service.ears
    assert np.array_equal(first.heard, SPOKEN[: len(first.heard)]), "once, and in order"
    turns = [*first.taken, *second.taken]
    for (start_ms, end_ms), taken in zip((FIRST_TURN, QUESTION), turns, strict=True):
        spoken = SPOKEN[ms_to_samples(start_ms) : ms_to_samples(end_ms)]
        assert np.array_equal(taken, spoken), "nothing is lost or doubled"
    begin = place_of(second.heard)
    assert begin >= ms_to_samples(FIRST_TURN[1]), "a turn that was taken is not heard again"
    rest = SPOKEN[begin:]
    assert np.array_equal(second.heard[: len(rest)], rest)
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], np.concatenate((ANSWER, ANSWER)))


def a_session_is_changed_before_its_limit_and_nothing_is_felt(folder: Path) -> None:
    """Another session takes over between two turns, or hears the second one from its start."""

    async def converse(session: ScriptedSession) -> None:
        ear = Ear(session)
        ears.append(ear)
        if session is service.sessions[0]:
            await ear.hear(FIRST_TURN, "u1")
        elif await ear.covers(late_question):
            await ear.hear(late_question, "u2")

    late_question = (4_000, 5_500)
    ears: list[Ear] = []
    with (
        ScriptedService(converse) as service,
        run_on_files(service, folder, SPOKEN, "--session-minutes", "0.03") as program,
    ):
        assert program.wait_exit() == 0, program.said
        program.wait_gone()
        assert program.out.count("Connecting") == program.out.count("Session ") == 1, program.said
        assert not program.err
    assert len(ears) > 1
    turns = [samples for ear in ears for samples in ear.taken]
    for (start_ms, end_ms), taken in zip((FIRST_TURN, late_question), turns, strict=True):
        assert np.array_equal(taken, SPOKEN[ms_to_samples(start_ms) : ms_to_samples(end_ms)])
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], np.concatenate((ANSWER, ANSWER)))


CHECKS: dict[str, Check] = {
    **{
        f"a_question_is_heard_from_its_start_by_the_next_session, {leave.__name__}": partial(
            a_question_is_heard_from_its_start_by_the_next_session, leave
        )
        for leave in (stall, abort, expire)
    },
    **by_name(a_session_is_changed_before_its_limit_and_nothing_is_felt),
}


@pytest.mark.parametrize("name", CHECKS)
def test_another_session(held: Held, name: str) -> None:
    held.look(name)
