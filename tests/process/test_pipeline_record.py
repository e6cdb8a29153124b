"""`run --record`: what was captured, what sounded, what happened and what was said, in a folder."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline import BlockingVoiceSession, Marked, Settings
from pipeline.console.run import RECORDING_LOST
from pipeline.recorder.job import NAMES
from tests.process.test_pipeline_files import kill_everything, refused, small_disk, state
from tests.support.answers import answer, end_cancelled, positive, user_turn
from tests.support.at_once import Held, by_name
from tests.support.program import GENEROUS_S
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav, write_wav
from tests.support.voice_processes import strike

TALK = "talk"
WAVE = "conversation.wav"
SPOKEN = noise(7, 1, 9_000, seed=1)
WHOLE, CUT = positive(0.6, seed=2), positive(8, seed=3)
CUTS = 5
LONG = positive(1.5, seed=5)


def both_sides(folder: Path) -> tuple[Samples, Samples]:
    """Return what the microphone's and the loudspeaker's side hold so far."""
    wave = folder / WAVE
    if not wave.exists() or not wave.stat().st_size:
        return np.zeros(0, np.int16), np.zeros(0, np.int16)
    both, rate_hz = soundfile.read(wave, dtype="int16", always_2d=True)
    assert rate_hz == RATE_HZ
    return both[:, 0], both[:, 1]


def entries(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the events; of a file that grows, the whole ones."""
    text = (folder / "events.jsonl").read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in entries(folder) if entry.get("record") == kind]


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {GENEROUS_S} s in vain"
        time.sleep(0.05)


def check_whole(side: Samples, source: Samples) -> None:
    """Check that a side holds all of `source`, its silence included, and nothing else."""
    assert np.array_equal(np.trim_zeros(side), np.trim_zeros(source))


def check_beginning(side: Samples, source: Samples) -> None:
    """Check that a side holds the first of `source`, without a gap, and nothing else."""
    sound = np.trim_zeros(side)
    assert len(sound) > 2 * RATE_HZ
    assert np.array_equal(sound, source[: len(sound)])


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def cue_times(folder: Path) -> list[str]:
    return [
        line for line in (folder / "transcript.vtt").read_text().splitlines() if " --> " in line
    ]


def heard_until(session: ScriptedSession, until_bytes: int) -> bool:
    return len(session.heard) >= until_bytes


async def interrupt_five_times(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    await user_turn(session, "question", "Is this recorded?")
    await answer(session, "whole", WHOLE)
    await session.end_answer("whole", "item_whole")
    for number in range(CUTS):
        until_bytes = len(session.heard) + 2 * RATE_HZ
        await answer(session, f"cut_{number}", CUT if number % 2 == 0 else -CUT)
        await session.wait_for(partial(heard_until, session, until_bytes))
        await session.speech_started(f"turn_{number}")
        await session.speech_stopped(f"turn_{number}")
        await end_cancelled(session, f"cut_{number}")
    await answer(session, "last", -WHOLE)
    await session.end_answer("last", "item_last")


def both_sides_are_recorded_sample_for_sample(place: Path) -> None:
    folder = place / TALK
    with (
        ScriptedService(interrupt_five_times) as service,
        run_on_files(service, place, SPOKEN, "--record", TALK) as program,
    ):
        assert program.wait_exit() == 0, program.said
        assert "The conversation was recorded to talk." in program.out
    microphone, sounded = both_sides(folder)
    check_whole(microphone, SPOKEN)
    check_whole(sounded, read_wav(place / HEARD))

    cuts = records(folder, "cut")
    assert cuts[-1]["generation"] >= CUTS
    for cut in cuts[-CUTS:]:  # the signs of the answers alternate
        near = sounded[: cut["sample"] + RATE_HZ // 10] * (-1) ** cut["item"]
        assert abs(cut["sample"] - np.flatnonzero(near > 0)[-1]) <= RATE_HZ // 1_000
    sounds = records(folder, "sound")
    assert [sound["item"] for sound in sounds] == list(range(1, 3 + CUTS))
    assert sounds[0]["end_sample"] - sounds[0]["sample"] == pytest.approx(len(WHOLE), abs=240)

    header, *_ = entries(folder)
    assert header["record"] == "header"
    assert header["settings"]["record"] == TALK
    assert service.KEY not in (folder / "events.jsonl").read_text()
    transcript = (folder / "transcript.md").read_text()
    assert re.search(r"\*\*You\*\* \(00:\d\d:\d\d\): Is this recorded\?", transcript), transcript
    assert "<v You>Is this recorded?" in (folder / "transcript.vtt").read_text()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def answer_endlessly(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    for number in range(40):
        name = f"answer_{number}"
        await session.start_answer(name)
        await session.send(
            "response.audio_transcript.delta",
            response_id=name,
            item_id=f"item_{name}",
            output_index=0,
            content_index=0,
            delta=f"This is answer {number}.",
        )
        await answer(session, name, LONG, created=True)
        await session.end_answer(name, f"item_{name}")


def recorded_s(folder: Path) -> float:
    wave = folder / WAVE
    return wave.stat().st_size / (4 * RATE_HZ) if wave.exists() else 0.0


def a_new_recorder_goes_on_and_a_killed_run_leaves_readable_files(place: Path) -> None:
    folder = place / TALK
    spoken = noise(30, 1, 9_000, seed=4)
    with (
        ScriptedService(answer_endlessly) as service,
        run_on_files(service, place, spoken, "--record", TALK) as program,
    ):
        program.wait_until(lambda: "answer 1" in text_of(folder / "transcript.vtt"))
        strike(program, signal.SIGKILL, "recorder")
        program.wait_output("The recorder process ended unexpectedly (signal SIGKILL): a new one")
        program.wait_until(lambda: records(folder, "continued"))
        before_s = recorded_s(folder)
        program.wait_until(lambda: recorded_s(folder) > before_s + 2)
        program.wait_until(lambda: "answer 3." in text_of(folder / "transcript.md"))
        assert "Another run records to talk at this moment" in refused(
            place, "--record", TALK, "--input", "spoken.wav"
        )
        kill_everything(program)
        program.wait_exit()
    microphone, sounded = both_sides(folder)
    check_beginning(microphone, spoken)
    check_beginning(sounded, np.tile(LONG, 40))
    header, *_ = entries(folder)
    assert header["record"] == "header"
    heard = [entry["text"] for entry in entries(folder) if entry.get("event") == "assistant_done"]
    assert heard[:3] == [f"This is answer {number}." for number in range(3)]
    lines = (folder / "transcript.md").read_text().split("\n\n")[1:]
    assert [line.partition(": ")[2].strip() for line in lines[:3]] == heard[:3]
    begins = [line.partition(" --> ")[0] for line in cue_times(folder)]
    assert begins == sorted(set(begins))
    assert "talk is not empty, expected the name of a new or empty folder" in refused(
        place, "--record", TALK, "--input", "spoken.wav"
    )


def test_a_program_records_marks_and_mutes(tmp_path: Path) -> None:
    async def listen(_session: ScriptedSession) -> None:
        return

    folder = tmp_path / TALK
    spoken = write_wav(tmp_path / "spoken.wav", noise(60, 1, 9_000, seed=4))
    with ScriptedService(listen) as service:
        settings = Settings(
            endpoint=service.endpoint,
            api_key=service.KEY,
            input=str(spoken),
            output=str(tmp_path / HEARD),
            record=str(folder),
        )
        with BlockingVoiceSession(settings) as session:
            session.wait_open()
            wait_until(lambda: len(both_sides(folder)[0].nonzero()[0]) > RATE_HZ)
            session.mute()
            session.mark("here")
            mark = next(event for event in session if isinstance(event, Marked))
            silent_from = len(both_sides(folder)[0])
            wait_until(lambda: len(both_sides(folder)[0]) > silent_from + 2 * RATE_HZ)
        assert mark.text == "here"
    microphone, _ = both_sides(folder)
    assert not microphone[silent_from + RATE_HZ :].any(), "nothing of a muted microphone is kept"
    marked = {"event": "marked", "time_ns": mark.time_ns, "text": "here"}
    assert marked in entries(folder)


async def answer_twice(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    for number in range(2):
        await answer(session, f"answer_{number}", LONG)
        await session.end_answer(f"answer_{number}", f"item_answer_{number}")


def a_full_disk_ends_the_recording_and_not_the_conversation(place: Path) -> None:
    folder = place / "disk" / TALK
    with (
        small_disk(folder.parent, 262_144),
        ScriptedService(answer_twice) as service,
        run_on_files(service, place, noise(3, 1, 9, seed=1), "--record", folder) as program,
    ):
        assert program.wait_exit() == RECORDING_LOST, program.said
        sentence = f"The recording in {folder} ends here (No space left on device). The conv"
        assert program.out.count(sentence) == 1
        assert f"recorded to {folder} only in part (No space left" in program.out
        assert program.out.count("\nReady\n") >= 1, "the answers were heard to their end"
        microphone, _ = both_sides(folder)
        assert len(microphone) > 0
        shutil.rmtree(folder)
        (folder.parent / "filling").write_bytes(bytes(262_144 - 4_096))
        with suppress(OSError), (folder.parent / "rest").open("wb", 0) as rest:
            while rest.write(b"x" * 4_096):
                pass
        full = refused(place, "--record", folder)
        assert f"{folder} cannot be written (No space left on device): give a folder" in full
        assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("file", "--record file is a file, expected the name of a new or empty folder"),
        ("pipe", "--record pipe is a named pipe, expected"),
        ("none/talk", "--record none/talk cannot be written (No such file or directory)"),
    ],
)
def test_a_folder_that_cannot_serve_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    before = state(tmp_path)
    assert sentence in refused(tmp_path, "--record", name)
    assert state(tmp_path) == before


def test_a_run_that_fails_before_it_begins_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        refused(tmp_path, "--record", name, "--input", "no such microphone")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert not list((tmp_path / "empty").iterdir())


CHECKS = by_name(
    a_new_recorder_goes_on_and_a_killed_run_leaves_readable_files,
    both_sides_are_recorded_sample_for_sample,
    a_full_disk_ends_the_recording_and_not_the_conversation,
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_recorded_conversation(held: Held, name: str) -> None:
    held.look(name)
