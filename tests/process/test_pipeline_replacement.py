"""Processes that are killed or stand still in mid-conversation: new ones go on where they were.

Every microphone sample and every answer sample is unique, so that one that is lost or doubled is
seen in what the service got and in what was recorded.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.audio.fade import fade_samples
from tests.process.test_pipeline_reconnect import replayed
from tests.process.test_pipeline_tools import MISBEHAVING, call, outputs
from tests.support.answers import answer, negative, positive, user_turn
from tests.support.at_once import Held, by_name
from tests.support.hearing import end_when_heard, recorded_so_far
from tests.support.measured import show_measured
from tests.support.program import Program
from tests.support.runs import HEARD, quiet_minute, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav
from tests.support.voice_processes import signal_process, strike

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")

UNWRITTEN_SAMPLES = RATE_HZ * 3 // 10
"""More than the part of a recording that a process has not written yet when it is killed."""

STALL_S = 4
TURNS, TURN_MS = 80, 500
LONG = positive(6, seed=5)
FIRST, SECOND = positive(12, seed=2), negative(0.5, seed=3)
SPOKEN = noise(8, 1, 20_000, seed=1)


def wait_recorded(program: Program, folder: Path, samples: int) -> None:
    """Wait until that much has been recorded, silence included."""
    recording = folder / HEARD
    program.wait_until(lambda: recording.exists() and recording.stat().st_size > 2 * samples)


def pieces(recorded: Samples) -> Iterator[Samples]:
    """Yield what sounded without a pause, each piece without the fade at its beginning."""
    sounding = np.flatnonzero(recorded)
    for piece in np.split(sounding, np.flatnonzero(np.diff(sounding) > 1) + 1):
        yield recorded[piece[fade_samples() :]]


def places(recorded: Samples, answered: Samples) -> list[tuple[int, int]]:
    """Return begin and end within `answered` of each piece of it that sounded, all exact."""
    found = []
    for piece in pieces(recorded):
        (start,) = np.flatnonzero(answered == piece[0])[:1]
        starts = np.flatnonzero(np.all(_windows(answered, 8) == piece[:8], axis=1))
        assert len(starts) == 1
        start = int(starts[0])
        assert np.array_equal(piece, answered[start : start + len(piece)])
        found.append((start, start + len(piece)))
    return found


def _windows(samples: Samples, length: int) -> Samples:
    return np.lib.stride_tricks.sliding_window_view(samples, length)


def capture_and_playback_go_on_where_they_were(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await answer(session, "first", FIRST)
        await session.end_answer("first", "item_first")

    with (
        ScriptedService(script) as service,
        run_on_files(service, folder, SPOKEN) as program,
    ):
        wait_recorded(program, folder, RATE_HZ)
        for way in (signal.SIGKILL, signal.SIGSTOP):
            strike(program, way, "capture", "playback")
            wait_recorded(program, folder, (folder / HEARD).stat().st_size // 2 + RATE_HZ)
        session = service.sessions[0]
        signal_process(program, "playback", signal.SIGSTOP)
        service.call(session.speech_started())
        signal_process(program, "playback", signal.SIGKILL)
        service.call(session.wait_for(lambda: session.count("conversation.item.truncate")))
        service.call(session.speech_stopped())
        service.call(answer(session, "second", SECOND))
        service.call(session.end_answer("second", "item_second"))
        assert program.wait_exit() == 0, program.said
        assert not program.err
        assert len(service.sessions) == 1
        assert "microphone audio were lost" not in program.out
    heard = np.frombuffer(bytes(session.heard), np.int16)
    assert np.array_equal(heard[: len(SPOKEN)], SPOKEN)
    assert not heard[len(SPOKEN) :].any(), "only silence may follow the recording"
    recorded = read_wav(folder / HEARD)
    check_answers(recorded, session)


def a_new_network_process_knows_what_was_said_and_asked(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        number = len(service.sessions)
        if number == 1:
            await user_turn(session, "u1", "Hello.")
            await session.start_answer("first")
            words = {"response_id": "first", "item_id": "item_first", "delta": "Good morning."}
            await session.send("response.audio_transcript.delta", **words)
            await answer(session, "first", LONG, created=True)
            await session.end_answer("first", "item_first")
            note = {"type": "t", "code": "c", "message": "The whole answer has arrived."}
            await session.send("error", error=note)
        elif number == 3:
            await session.wait_for(lambda: session.count("response.create"))
            await answer(session, "second", SECOND)
            await session.end_answer("second", "item_second")

    with (
        ScriptedService(script) as service,
        run_on_files(service, folder, SPOKEN) as program,
    ):
        program.wait_output("The whole answer has arrived.")
        strike(program, signal.SIGKILL, "network")
        program.wait_until(lambda: len(service.sessions) == 2)
        (_, second) = service.sessions
        told = [("user", "Hello."), ("assistant", "Good morning.")]
        service.call(second.wait_for(lambda: replayed(second) == told))
        service.call(user_turn(second, "u2", "What is the time?"))
        program.wait_output("You: What is the time?")
        known_ms = second.heard_ms  # the sound of the turn is given back one tick later
        service.call(second.wait_for(lambda: second.heard_ms >= known_ms + 200))
        strike(program, signal.SIGSTOP, "network")
        answers = np.concatenate((LONG, SECOND))
        program.wait_until(
            lambda: len(recorded_so_far(folder / HEARD).nonzero()[0]) >= answers.size
        )
        third = service.sessions[2]
        program.wait_until(lambda: not any(third.heard[-RATE_HZ:]))  # the recording is over
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert not program.err
    assert replayed(third) == [*told, ("user", "What is the time?")]
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], answers)
    check_microphone(service)


def a_turn_whose_words_are_unknown_is_heard_again_after_what_was_said(folder: Path) -> None:
    """It is not asked for as well, and not answered by the turn before it."""

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard_ms > TURN_MS)
        if len(service.sessions) == 1:
            for number in range(TURNS):
                await user_turn(session, f"u{number}", f"Question {number}.")
            await session.speech_started("open")
            await session.wait_for(lambda: session.heard_ms > 2 * TURN_MS)
            await session.speech_stopped("open")
            note = {"type": "t", "code": "c", "message": "The turn was taken."}
            await session.send("error", error=note)
            return
        first_heard.append(session.count("conversation.item.create"))
        await session.speech_started("again", 0)
        await session.speech_stopped("again")
        await answer(session, "second", SECOND)
        await session.end_answer("second", "item_second")

    first_heard: list[int] = []
    with (
        ScriptedService(script) as service,
        run_on_files(service, folder, SPOKEN[: 3 * RATE_HZ]) as program,
    ):
        program.wait_output("The turn was taken.")
        strike(program, signal.SIGKILL, "network")
        end_when_heard(program, folder / HEARD, SECOND)
        second = service.sessions[1]
    assert first_heard == [TURNS], "the history comes before the microphone"
    assert replayed(second) == [("user", f"Question {number}.") for number in range(TURNS)]
    assert second.count("response.create") == 0
    recorded = read_wav(folder / HEARD)
    assert np.array_equal(recorded[recorded != 0], SECOND)


def check_microphone(service: ScriptedService) -> None:
    """No sample is lost: each session begins within what those before it were sent."""
    spoken, heard = SPOKEN.tobytes(), 0
    for session in service.sessions:
        sent = bytes(session.heard).rstrip(b"\0")
        begin = spoken.find(sent[:1_000])
        assert 0 <= begin <= heard
        assert spoken[begin:].startswith(sent[: len(spoken) - begin])
        heard = max(heard, begin + len(sent))
    assert heard >= len(spoken) - 2


def test_a_new_network_process_offers_the_functions_and_asks_again(tmp_path: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        if len(service.sessions) == 1:
            await call(session, "first", "wait")
            return
        await session.wait_for(lambda: session.count("response.create"))
        await call(session, "second", "ping")

    tools = tmp_path / "tools.py"
    tools.write_text(MISBEHAVING)
    with (
        ScriptedService(script) as service,
        run_on_files(service, tmp_path, SPOKEN, "--tools", tools) as program,
    ):
        program.wait_output("Calling wait")
        strike(program, signal.SIGKILL, "network")
        program.wait_output("Calling ping")
        second = service.sessions[1]
        service.call(second.wait_for(lambda: outputs(second)))
        assert outputs(second) == [("ping", '"pong"')], "the old call has no answer any more"
        (update,) = (e for e in second.received if e["type"] == "session.update")
        assert "ping" in [tool["name"] for tool in update["session"]["tools"]]
        program.interrupt()
        program.wait_exit()
        assert not program.err


def a_machine_that_stood_still_as_a_whole_is_no_reason_to_replace(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await answer(session, "first", FIRST)

    with (
        ScriptedService(script) as service,
        run_on_files(service, folder, SPOKEN) as program,
    ):
        wait_recorded(program, folder, RATE_HZ)
        members = [psutil.Process(program.pid), *program.children()]
        for member in members:
            member.suspend()
        time.sleep(STALL_S)
        for member in members:
            member.resume()
        wait_recorded(program, folder, (STALL_S + 3) * RATE_HZ)
        assert set(members[1:]) <= set(program.children())
        program.interrupt()
        program.wait_exit()
        assert "a new one" not in program.out
        assert "has not worked" not in program.out


def test_the_fourth_end_within_a_minute_ends_the_run(tmp_path: Path) -> None:
    with quiet_minute(tmp_path) as (_, program):
        for _ in range(3):
            strike(program, signal.SIGKILL, "capture")
        signal_process(program, "capture", signal.SIGKILL)
        assert program.wait_exit() == 1
        program.wait_gone()
        sentence = "The capture process ended unexpectedly (signal SIGKILL)"
        assert f"{sentence}: a new one records on." in program.out
        assert f"{sentence}. Start again" in program.err


def test_a_process_that_stands_still_does_not_keep_the_end(tmp_path: Path) -> None:
    with quiet_minute(tmp_path) as (_, program):
        for name in ("network", "playback", "capture"):
            signal_process(program, name, signal.SIGSTOP)
        program.interrupt()
        program.wait_exit()
        program.wait_gone()
        assert "a new one" not in program.out


def check_answers(recorded: Samples, session: ScriptedSession) -> None:
    """Three pieces of the first answer sounded, exact and none twice, and all of the second."""
    (cut,) = (e for e in session.received if e["type"] == "conversation.item.truncate")
    silent = np.diff(np.flatnonzero(recorded))
    show_measured(f"pauses in ms: {silent[silent > RATE_HZ // 100] * 1_000 // RATE_HZ}")
    first = places(np.where(recorded > 0, recorded, 0), FIRST)
    assert len(first) == 3
    ends = [0, *(end for _, end in first)]
    for (start, _), end in zip(first, ends, strict=False):
        assert 0 <= start - fade_samples() - end < UNWRITTEN_SAMPLES
    assert 0 <= cut["audio_end_ms"] * RATE_HZ // 1_000 - ends[-1] < UNWRITTEN_SAMPLES
    assert np.array_equal(recorded[recorded < 0], SECOND)


CHECKS = by_name(
    capture_and_playback_go_on_where_they_were,
    a_new_network_process_knows_what_was_said_and_asked,
    a_machine_that_stood_still_as_a_whole_is_no_reason_to_replace,
    a_turn_whose_words_are_unknown_is_heard_again_after_what_was_said,
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_replacement(held: Held, name: str) -> None:
    held.look(name)
