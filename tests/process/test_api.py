"""The library: whole conversations of other programs, over real processes and sockets."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop

from pipeline import (
    AssistantSaid,
    AuthenticationError,
    BlockingVoiceSession,
    Event,
    Finished,
    Interrupted,
    Opened,
    Ready,
    SessionError,
    Settings,
    SettingsError,
    Turn,
    UserSaid,
    VoiceSession,
)
from tests.support.answers import positive
from tests.support.program import Program
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav, write_wav

WITHIN_S = 60.0
ANSWER = positive(1.0, seed=3)
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
    asyncio.new_event_loop,
    uvloop.new_event_loop,
]


def files(service: ScriptedService, folder: Path, spoken_s: float = 60.0) -> Settings:
    """Return settings with files in the place of cards."""
    spoken = write_wav(folder / "spoken.wav", noise(spoken_s, 9, 90, seed=1))
    return Settings(
        endpoint=service.endpoint,
        api_key=service.KEY,
        input=str(spoken),
        output=str(folder / "heard.wav"),
    )


def run(
    steps: Coroutine[Any, Any, None],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.wait_for(steps, WITHIN_S))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - it is read from shared memory, which tells nobody
        await asyncio.sleep(0.01)


async def read_all(session: VoiceSession) -> None:
    async with session:
        async for _ in session:
            pass


async def wait_for(session: VoiceSession, kind: type[Event]) -> Event:
    async for event in session:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def answers(session: ScriptedSession) -> None:
    """Answer each request, in words and sound."""
    number = 0
    while True:
        number += 1
        await session.wait_for(lambda: session.count("response.create") >= number)  # noqa: B023
        response = f"r{number}"
        await session.start_answer(response)
        await session.send(
            "response.audio_transcript.delta", response_id=response, delta=f"Answer {number}."
        )
        await session.say(response, f"i{number}", ANSWER.tobytes())
        await session.send("response.audio_transcript.done", response_id=response)
        await session.end_answer(response, f"i{number}")


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_typed_turns_are_answered_interrupted_and_remembered(
    tmp_path: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def converse(service: ScriptedService) -> None:
        began_ns = time.monotonic_ns()
        async with VoiceSession(files(service, tmp_path)) as session:
            session.say("Before it is open.")
            opened = await wait_for(session, Opened)
            assert began_ns < opened.time_ns < time.monotonic_ns()
            await wait_for(session, Ready)
            session.update(instructions="Be brief.", voice="en-US-AvaNeural")
            session.say("And \ud83d again?")
            await wait_for(session, AssistantSaid)
            await until(lambda: session.heard > (2, 0))
            session.interrupt()
            cut = await wait_for(session, Interrupted)
            assert isinstance(cut, Interrupted)
            assert 0 < cut.heard_ms == session.heard.ms < 1_000
            await until(lambda: len(session.history) == 4)
            assert session.history[:3] == (
                Turn("user", "Before it is open."),
                Turn("assistant", "Answer 1."),
                Turn("user", "And \ufffd again?"),
            )
            assert session.metrics.interruptions == 1
        assert session.metrics.played_ms >= 1_000
        with pytest.raises(SessionError, match="has ended"):
            session.say("Too late.")
        with pytest.raises(SessionError, match="started before"):
            await session.__aenter__()

    with ScriptedService(answers) as service:
        run(converse(service), loop_factory)
        (heard,) = service.sessions
    kinds = [event["type"] for event in heard.received if event["type"] != "session.update"]
    assert kinds[:4] == ["conversation.item.create", "response.create"] * 2
    assert kinds[4:] == ["conversation.item.truncate"]
    updates = [e["session"] for e in heard.received if e["type"] == "session.update"]
    assert updates[1] == {
        "instructions": "Be brief.",
        "voice": updates[0]["voice"],
        "output_audio_timestamp_types": ["word"],
    }
    sounded = np.count_nonzero(read_wav(tmp_path / "heard.wav"))
    assert len(ANSWER) < sounded < 2 * len(ANSWER)


SCRIPT = """
import sys, threading
from pipeline import BlockingVoiceSession, Settings

print("imported", flush=True)  # once, although nothing guards the main module

def converse(number):
    settings = Settings(
        endpoint=sys.argv[1], api_key=sys.argv[2], input="spoken.wav", output=f"{number}.wav"
    )
    with BlockingVoiceSession(settings) as session:
        session.wait_open()
        session.say(f"Turn of {number}.")
        for event in session:
            if type(event).__name__ == "AssistantSaid":
                print(number, event.text, flush=True)
                break

threads = [threading.Thread(target=converse, args=[number]) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(threading.active_count(), "left", flush=True)
"""


def run_script(
    script: str, service: ScriptedService, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program of a user's in a folder that holds ``spoken.wav``."""
    files(service, folder)
    (folder / "script.py").write_text(script)
    return subprocess.run(
        [sys.executable, "script.py", service.endpoint, service.KEY],
        cwd=folder,
        env=Program.environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def test_a_script_without_a_guard_holds_two_conversations_in_threads(tmp_path: Path) -> None:
    with ScriptedService(answers) as service:
        done = run_script(SCRIPT, service, tmp_path)
        assert not done.stderr
        said = ["0 Answer", "1 Answer", "1 left", "imported"]
        assert sorted(done.stdout.splitlines()) == said
        assert len(service.sessions) == 2


def test_a_cancelled_task_and_an_exception_leave_nothing(tmp_path: Path) -> None:
    async def cancel(service: ScriptedService) -> None:
        session = VoiceSession(files(service, tmp_path))
        task = asyncio.create_task(read_all(session))
        await until(lambda: session.opened)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert threading.active_count() == threads
        (tmp_path / "heard.wav").unlink(missing_ok=True)
        with pytest.raises(ZeroDivisionError):
            async with VoiceSession(files(service, tmp_path)):
                raise ZeroDivisionError

    with ScriptedService(answers) as service:
        threads = threading.active_count()
        run(cancel(service))
        assert threading.active_count() == threads


async def reads_late(service: ScriptedService, folder: Path) -> list[Event]:
    """Block the loop from the start to the end, again and again; then read the events."""
    async with VoiceSession(files(service, folder, spoken_s=0.5)) as session:
        while not session.opened:
            time.sleep(0.3)  # noqa: ASYNC251 - what a careless program does
        session.say("Hello.")
        while Finished() not in (events := [event async for event in session]):
            time.sleep(0.3)  # noqa: ASYNC251 - as above
        return events


def test_a_loop_that_is_blocked_misses_no_event(tmp_path: Path) -> None:
    async def converse(service: ScriptedService) -> None:
        events = await reads_late(service, tmp_path)
        told = [e for e in events if isinstance(e, Opened | UserSaid | AssistantSaid | Finished)]
        words = [AssistantSaid("Answer"), AssistantSaid(" 1.")]
        assert told == [Opened(), UserSaid("Hello.", typed=True), *words, Finished()]
        assert [e.time_ns for e in told] == sorted(e.time_ns for e in told)

    with ScriptedService(answers) as service:
        run(converse(service))


def test_failures_are_raised_where_the_events_are_read(tmp_path: Path) -> None:
    async def reads_nothing(session: VoiceSession) -> None:
        async with session:
            await until(lambda: session.ended)

    with ScriptedService() as service:
        settings = replace(files(service, tmp_path), api_key="wrong")
        session = VoiceSession(settings)
        with pytest.raises(SessionError, match="not started"):
            session.say("Too early.")
        with pytest.raises(AuthenticationError):
            run(read_all(session))
        with pytest.raises(AuthenticationError):
            run(reads_nothing(VoiceSession(settings)))
        with pytest.raises(AuthenticationError), BlockingVoiceSession(settings) as blocking:
            blocking.wait_open()


def test_the_command_line_prints_events_as_lines_of_json(tmp_path: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await session.speech_started()
        await session.speech_stopped()
        await session.start_answer("r1")
        await session.say("r1", "i1", ANSWER.tobytes())
        await session.end_answer("r1", "i1")

    with (
        ScriptedService(script) as service,
        run_on_files(service, tmp_path, noise(0.5, 9, 90, seed=1), "--json-events") as program,
    ):
        assert program.wait_exit() == 0, program.said
        assert not program.err
        events = [json.loads(line) for line in program.out.splitlines()]
    names = [event["event"] for event in events]
    expected = ["connecting", "session_ready", "opened", "listening", "processing", "ready"]
    assert [name for name in names if name in expected] == expected
    assert events[-2] == {"event": "finished", "time_ns": events[-2]["time_ns"], "answered": True}
    assert events[-1]["message"] == f"Speaker output was saved to {tmp_path / HEARD}."


def test_a_session_belongs_to_one_event_loop(tmp_path: Path) -> None:
    with ScriptedService() as service, asyncio.Runner() as first, asyncio.Runner() as second:
        session = VoiceSession(files(service, tmp_path))
        first.run(session.__aenter__())
        for use in (session.__anext__, session.wait_open, session.close, session.__aenter__):
            with pytest.raises(SessionError, match="another event loop"):
                second.run(use())
        first.run(session.close())


def test_settings_are_checked_with_the_sentence_of_the_command_line() -> None:
    with pytest.raises(SettingsError, match="--vad-threshold is 7, expected a number from 0 to 1"):
        VoiceSession(Settings(vad_threshold=7))
    with pytest.raises(SettingsError, match="--voice is empty"):
        BlockingVoiceSession(Settings(voice=" "))
    with pytest.raises(SettingsError, match=r"--tools is 'x\.py', expected a tuple"):
        VoiceSession(Settings(tools="x.py"))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="--frame-ms is '30', expected one of 10, 20, 50"):
        VoiceSession(Settings(frame_ms=30))
    with pytest.raises(SettingsError, match="--api-key is of a wrong type, expected str"):
        VoiceSession(Settings(api_key=b"secret"))  # type: ignore[arg-type]


def test_a_muted_microphone_is_silent_at_the_service(tmp_path: Path) -> None:
    with ScriptedService() as service:
        with BlockingVoiceSession(files(service, tmp_path)) as session:
            session.wait_open()
            heard = service.sessions[0]
            service.call(heard.wait_for(lambda: any(heard.heard)))
            session.mute()
            service.call(heard.wait_for(lambda: heard.heard.endswith(bytes(48_000))))
            session.unmute()
            service.call(heard.wait_for(lambda: any(heard.heard[-2_400:])))
        assert session.metrics.lost_ms == 0


FORGETFUL = """
import asyncio, sys
from pipeline import Settings, VoiceSession

async def main():
    settings = Settings(
        endpoint=sys.argv[1], api_key=sys.argv[2], input="spoken.wav", output="heard.wav"
    )
    session = await VoiceSession(settings).__aenter__()
    await session.wait_open()
    keep.append(session)

keep = []
asyncio.run(main())
"""


def test_a_program_that_forgets_to_close_leaves_nothing(tmp_path: Path) -> None:
    with ScriptedService() as service:
        done = run_script(FORGETFUL, service, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
