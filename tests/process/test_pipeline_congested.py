"""A service that reads nothing for a while: what is to be sent waits, and nothing else does."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.answers import answer, check_cut, end_cancelled, negative, positive
from tests.support.at_once import Held, by_name
from tests.support.hearing import recorded_so_far
from tests.support.measured import show_measured
from tests.support.program import Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav, write_wav

BULKY = '''
def bulky() -> str:
    """Return nearly as much as a function may."""
    return "x" * 60_000
'''
CALLS = [f"call_{number}" for number in range(6)]
"""The first results fill what aiohttp and the system buffer, the others wait."""

LATE_CALLS = [f"late_{number}_{'x' * 1_000}" for number in range(400)]
"""Calls of an interrupted response, with long ids, are answered at once: more than aiohttp takes
without waiting (256 KiB) while the connection is congested."""

UNREAD_S = 5.0
SAMPLES_PER_MS = RATE_HZ // 1_000
SILENCE_SAMPLES = RATE_HZ // 10
INTERRUPTED = {0, 130}

SPOKEN = noise(8, -20_000, 20_000, seed=4)
FIRST, SECOND, THIRD = positive(12, seed=1), negative(12, seed=2), positive(1, seed=3)


class Scene:
    """Two interruptions while the service reads nothing, and results and truncations are due.

    :ivar both_silent: set once both answers have fallen silent; still nothing is read.
    """

    def __init__(self, recording: Path, *, resumes: bool) -> None:
        self._recording = recording
        self._resumes = resumes
        self.both_silent = threading.Event()

    async def play(self, session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        session.stop_reading()
        stopped_s = time.monotonic()
        await session.start_answer("calls")
        await call(session, "calls", *CALLS)
        await session.send("response.done", response={"id": "calls", "status": "completed"})
        await answer(session, "first", FIRST)
        await wait_congested(session)
        await self._interrupt(session, "first", sign=1)
        await call(session, "first", *LATE_CALLS)
        await end_cancelled(session, "first")
        await answer(session, "second", SECOND)
        await self._interrupt(session, "second", sign=-1)
        await end_cancelled(session, "second")
        self.both_silent.set()
        await answer(session, "third", THIRD)
        while not self._resumes:  # sends until the client has left, and never confirms that
            await answer(session, "third", THIRD, created=True)
        await session.end_answer("third", "item_third")
        await asyncio.sleep(stopped_s + UNREAD_S - time.monotonic())
        show_measured(f"nothing was read for {time.monotonic() - stopped_s:.1f} s")
        session.resume_reading()

    async def _interrupt(self, session: ScriptedSession, name: str, *, sign: int) -> None:
        """Interrupt an answer that has sounded for a while, and wait until it is silent."""
        await self._wait_heard(lambda sound: np.count_nonzero(sign * sound > 0) > RATE_HZ // 4)
        started_ns = await session.speech_started()
        await self._wait_heard(lambda sound: not sound[-SILENCE_SAMPLES:].any())
        silent_ms = (time.monotonic_ns() - started_ns) / 1e6 - SILENCE_SAMPLES / SAMPLES_PER_MS
        show_measured(
            f"{name} answer: silent {silent_ms:.0f} ms after speech_started, nothing being read"
        )
        await session.speech_stopped()

    async def _wait_heard(self, condition: Callable[[Samples], object]) -> None:
        """Wait until what has been heard so far meets `condition`."""
        while not condition(recorded_so_far(self._recording)):  # noqa: ASYNC110 - it is a file
            await asyncio.sleep(0.005)


def nothing_waits_for_a_service_that_does_not_read(folder: Path) -> None:
    scene = Scene(folder / "heard.wav", resumes=True)
    with ScriptedService(scene.play, narrow=True) as service, run(service, folder) as program:
        assert program.wait_exit() == 0, program.said
        assert not program.err, program.said
    (session,) = service.sessions
    recorded = read_wav(folder / "heard.wav")
    assert np.array_equal(recorded[recorded > 0][-len(THIRD) :], THIRD)
    heard_ms = {
        "item_first": check_cut(recorded[recorded > 0][: -len(THIRD)], FIRST) // SAMPLES_PER_MS,
        "item_second": check_cut(recorded[recorded < 0], SECOND) // SAMPLES_PER_MS,
    }
    truncations = of_type(session, "conversation.item.truncate")
    assert {event["item_id"]: event["audio_end_ms"] for event in truncations} == heard_ms
    results = [event["item"]["call_id"] for event in of_type(session, "conversation.item.create")]
    # The functions run side by side, so any may return first; the interruption answers the others.
    assert sorted(results[: len(CALLS)]) == CALLS
    assert results[len(CALLS) :] == LATE_CALLS, "none is lost"
    assert not of_type(session, "response.create"), "it was stale before it could be sent"
    check_microphone(session)


def ctrl_c_while_the_service_does_not_read(folder: Path) -> None:
    scene = Scene(folder / "heard.wav", resumes=False)
    with ScriptedService(scene.play, narrow=True) as service, run(service, folder) as program:
        program.wait_until(lambda: scene.both_silent.is_set() or not program.running)
        struck_s = time.monotonic()
        program.interrupt()
        assert program.wait_exit() in INTERRUPTED, program.said
        show_measured(
            f"Ctrl-C: ended after {time.monotonic() - struck_s:.2f} s, nothing being read"
        )
        assert "Traceback" not in program.err, program.said
        program.wait_gone()


def run(service: ScriptedService, folder: Path) -> Program:
    (folder / "bulky.py").write_text(BULKY)
    return Program(
        *("run", "--endpoint", service.endpoint, "--tools", "bulky.py"),
        *("--input", write_wav(folder / "spoken.wav", SPOKEN)),
        *("--output", folder / "heard.wav"),
        cwd=folder,
        environment={"AZURE_VOICELIVE_API_KEY": service.KEY},
    )


async def call(session: ScriptedSession, response: str, *calls: str) -> None:
    """Let the model call the function in `response`, several times."""
    for number, call_id in enumerate(calls):
        await session.send(
            "response.function_call_arguments.done",
            response_id=response,
            item_id=f"item_{call_id}",
            output_index=number,
            call_id=call_id,
            name="bulky",
            arguments="{}",
        )


async def wait_congested(session: ScriptedSession) -> None:
    """Wait until the client's system takes nothing more of what the client sends."""
    held_bytes = -1
    while (now_bytes := unread_bytes(session.client_port)) != held_bytes or not now_bytes:
        held_bytes = now_bytes
        await asyncio.sleep(0.5)  # ten microphone frames
    show_measured(f"the system holds {held_bytes:,} bytes for the service, and takes no more")


def unread_bytes(port: int) -> int:
    """What the system holds for the other side of the local connection from `port`."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.partition(":")[2], 16) == port:
            return int(queues.partition(":")[0], 16)
    raise AssertionError(f"no connection from port {port}")


def of_type(session: ScriptedSession, kind: str) -> list[dict[str, Any]]:
    return [event for event in session.received if event["type"] == kind]


def check_microphone(session: ScriptedSession) -> None:
    """No sample is lost, doubled or changed, however long it waited."""
    arrived = np.frombuffer(bytes(session.heard), np.int16)
    assert np.array_equal(arrived[: len(SPOKEN)], SPOKEN)


CHECKS = by_name(
    nothing_waits_for_a_service_that_does_not_read,
    ctrl_c_while_the_service_does_not_read,
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_congested_service(held: Held, name: str) -> None:
    held.look(name)
