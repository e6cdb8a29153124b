"""Interruptions: a stale answer never sounds again, a new one is heard whole.

Answers alternate in sign, so that each recorded sample shows to which of them it belongs. The
conversations run beside each other; the tests look at what came out of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.answers import answer, check_cut, end_cancelled, negative, positive
from tests.support.hearing import wait_sounding
from tests.support.leftovers import nothing_left
from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav

SAMPLES_PER_MS = RATE_HZ // 1_000

Scene = Callable[[ScriptedSession, Path], Awaitable[None]]
"""What the service does in a conversation whose sound is recorded at the path."""


class Conversation(NamedTuple):
    recorded: Samples
    session: ScriptedSession
    output: str

    def truncated_ms(self, item: str) -> int:
        """Where `item` was truncated, which must have happened exactly once."""
        (event,) = (
            event
            for event in self.session.received
            if event["type"] == "conversation.item.truncate" and event["item_id"] == item
        )
        assert event["content_index"] == 0
        end_ms: int = event["audio_end_ms"]
        return end_ms

    def deleted(self) -> list[str]:
        return [
            event["item_id"]
            for event in self.session.received
            if event["type"] == "conversation.item.delete"
        ]


class Conversations:
    """All scenes of this file, held side by side.

    They are over before the first test looks at them, which would take them for its own leftovers.
    """

    def __init__(self, pool: ThreadPoolExecutor, folder: Callable[[str], Path]) -> None:
        self._held: dict[Scene, Future[Conversation]] = {
            scene: pool.submit(converse, folder(scene.__name__), scene) for scene in SCENES
        }
        wait(self._held.values())

    def of(self, scene: Scene) -> Conversation:
        return self._held[scene].result()


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Conversations:
    with nothing_left(), ThreadPoolExecutor(len(SCENES)) as pool:
        return Conversations(pool, tmp_path_factory.mktemp)


def converse(folder: Path, scene: Scene) -> Conversation:
    """A run of the program against `scene`, from its start to its own end."""
    recording = folder / "heard.wav"
    with (
        ScriptedService(lambda session: scene(session, recording)) as service,
        run_on_files(service, folder, noise(0.2, -9, 9, seed=1)) as program,
    ):
        unanswered = scene is before_the_first_delta_of_the_last_answer
        assert program.wait_exit() == int(unanswered), program.said
        output = program.out
    (session,) = service.sessions
    assert not session.count("response.cancel"), "the service cancels its own answers"
    return Conversation(read_wav(recording), session, output)


LONG, SHORT = positive(20, seed=2), negative(1.5, seed=3)
FIRST, SECOND, THIRD = positive(6, seed=4), negative(6, seed=5), positive(1, seed=6)
RECEIVED_BEFORE_THE_CUT = 15 * RATE_HZ


async def in_the_middle_of_a_long_answer(session: ScriptedSession, recording: Path) -> None:
    late = [LONG[RECEIVED_BEFORE_THE_CUT + n * RATE_HZ :][:RATE_HZ].tobytes() for n in range(5)]
    await answer(session, "old", LONG[:RECEIVED_BEFORE_THE_CUT])
    await wait_sounding(recording)
    await session.speech_started()
    await session.say("old", "item_old", late[0])
    await session.say("old", "item_old", late[1])
    await asyncio.sleep(0.2)
    await session.say("old", "item_old", late[2])
    await session.speech_stopped()
    await answer(session, "new", SHORT[:RATE_HZ])
    await asyncio.sleep(0.2)
    await session.say("old", "item_old", late[3])
    await end_cancelled(session, "old")
    await session.say("old", "item_old", late[4])
    await answer(session, "new", SHORT[RATE_HZ:], created=True)
    await session.end_answer("new", "item_new")


def test_in_the_middle_of_a_long_answer(conversations: Conversations) -> None:
    conversation = conversations.of(in_the_middle_of_a_long_answer)
    heard_samples = check_cut(conversation.recorded[conversation.recorded > 0], LONG)
    assert heard_samples < RECEIVED_BEFORE_THE_CUT
    check_truncated(conversation, "item_old", heard_samples)
    assert np.array_equal(conversation.recorded[conversation.recorded < 0], SHORT)
    assert conversation.session.count("conversation.item.truncate") == 1
    heard_s = heard_samples // SAMPLES_PER_MS / 1_000
    assert f"Interrupted after {heard_s:.2f} s." in conversation.output


async def after_the_service_has_finished(session: ScriptedSession, recording: Path) -> None:
    await answer(session, "old", FIRST)
    await session.end_answer("old", "item_old")
    await wait_sounding(recording)
    await session.speech_started()
    await session.speech_stopped()
    await answer(session, "new", SHORT)
    await session.end_answer("new", "item_new")


def test_after_the_service_has_finished(conversations: Conversations) -> None:
    conversation = conversations.of(after_the_service_has_finished)
    heard_samples = check_cut(conversation.recorded[conversation.recorded > 0], FIRST)
    check_truncated(conversation, "item_old", heard_samples)
    assert np.array_equal(conversation.recorded[conversation.recorded < 0], SHORT)
    assert conversation.session.count("conversation.item.truncate") == 1


async def before_the_first_delta(session: ScriptedSession, _recording: Path) -> None:
    await session.start_answer("old")
    await session.speech_started()
    await asyncio.sleep(0.1)
    await answer(session, "old", FIRST, created=True)
    await end_cancelled(session, "old")
    await session.speech_stopped()
    await session.wait_for(lambda: session.count("conversation.item.delete"))
    await answer(session, "new", SHORT)
    await session.end_answer("new", "item_new")


def test_before_the_first_delta(conversations: Conversations) -> None:
    conversation = conversations.of(before_the_first_delta)
    assert np.array_equal(conversation.recorded[conversation.recorded != 0], SHORT)
    assert conversation.deleted() == ["item_old"], "the service must know that nothing was heard"
    assert not conversation.session.count("conversation.item.truncate")


async def before_the_first_delta_of_the_last_answer(
    session: ScriptedSession, _recording: Path
) -> None:
    await session.start_answer("old")
    await session.speech_started()
    await asyncio.sleep(0.1)
    await answer(session, "old", FIRST, created=True)
    await end_cancelled(session, "old")
    await session.speech_stopped()
    await session.start_answer("empty")
    await session.end_answer("empty", "item_empty")


def test_before_the_first_delta_of_the_last_answer(conversations: Conversations) -> None:
    conversation = conversations.of(before_the_first_delta_of_the_last_answer)
    assert not conversation.recorded.any()
    assert conversation.deleted() == ["item_old"]
    assert len(conversation.recorded) < 15 * RATE_HZ, "it waited for sound that never comes"


async def twice(session: ScriptedSession, recording: Path) -> None:
    for name, sound in (("first", FIRST), ("second", SECOND)):
        await answer(session, name, sound)
        await wait_sounding(recording, of=sound)
        await session.speech_started()
        await session.say(name, f"item_{name}", sound[:RATE_HZ].tobytes())
        await end_cancelled(session, name)
        await session.speech_stopped()
    await answer(session, "third", THIRD)
    await session.end_answer("third", "item_third")


def test_twice(conversations: Conversations) -> None:
    conversation = conversations.of(twice)
    recorded = conversation.recorded
    assert np.array_equal(recorded[recorded > 0][-len(THIRD) :], THIRD)
    heard = {
        "item_first": check_cut(recorded[recorded > 0][: -len(THIRD)], FIRST),
        "item_second": check_cut(recorded[recorded < 0], SECOND),
    }
    for item, heard_samples in heard.items():
        check_truncated(conversation, item, heard_samples)
    assert conversation.session.count("conversation.item.truncate") == 2


async def twice_at_once(session: ScriptedSession, recording: Path) -> None:
    """The second interruption strikes an answer of which nothing can have sounded yet."""
    await answer(session, "first", FIRST)
    await wait_sounding(recording)
    await session.speech_started()
    await session.start_answer("second")
    await session.speech_started()
    await answer(session, "second", SECOND, created=True)
    await session.speech_stopped()
    await answer(session, "third", THIRD)
    await end_cancelled(session, "first")
    await end_cancelled(session, "second")
    await session.end_answer("third", "item_third")


def test_twice_at_once(conversations: Conversations) -> None:
    conversation = conversations.of(twice_at_once)
    sounding = conversation.recorded[conversation.recorded != 0]
    assert np.array_equal(sounding[-len(THIRD) :], THIRD)
    check_truncated(conversation, "item_first", check_cut(sounding[: -len(THIRD)], FIRST))
    assert conversation.deleted() == ["item_second"]


SCENES: list[Scene] = [
    in_the_middle_of_a_long_answer,
    after_the_service_has_finished,
    before_the_first_delta,
    before_the_first_delta_of_the_last_answer,
    twice,
    twice_at_once,
]


def check_truncated(conversation: Conversation, item: str, heard_samples: int) -> None:
    assert conversation.truncated_ms(item) == heard_samples // SAMPLES_PER_MS
