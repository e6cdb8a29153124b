"""What happens to a person's files: none is harmed, and a recording survives what ends the run."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import wave
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.console.run import RECORDING_LOST
from tests.support.answers import answer
from tests.support.at_once import Held, by_name
from tests.support.hearing import end_when_heard
from tests.support.program import Program
from tests.support.runs import HEARD, run_against, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples, noise, write_wav
from tests.support.voice_processes import voice_processes

NO_ENDPOINT = "http://127.0.0.1:9"
USAGE = 2
BROKEN_OFF = 1
OLDER = noise(0.5, -9, 9, seed=5)
SPOKEN = noise(0.3, -9, 9, seed=1)
ANSWERS = [noise(0.5, 1, 20_000, seed=2), noise(0.5, 1, 20_000, seed=3)]


async def answer_twice(session: ScriptedSession) -> None:
    """Answer what was heard, and then what is heard while the first answer sounds."""
    await session.wait_for(lambda: session.heard)
    for number, sound in enumerate(ANSWERS):
        await answer(session, f"answer_{number}", sound)
        await session.end_answer(f"answer_{number}", f"item_answer_{number}")


async def answer_endlessly(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    for number in range(60):
        await answer(session, f"answer_{number}", ANSWERS[number % 2])
        await session.end_answer(f"answer_{number}", f"item_answer_{number}")


def refused(folder: Path, *arguments: object) -> str:
    """Run, expecting a usage error before anything starts; return its sentence."""
    with Program("run", "--endpoint", NO_ENDPOINT, *arguments, cwd=folder) as program:
        assert program.wait_exit() == USAGE, program.said
        program.wait_gone()
        assert not program.out
        (sentence,) = program.err.splitlines()
        return sentence


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and time of change of all ordinary files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def by_wave(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def sounds(path: Path) -> Samples:
    """Read a recording in two ways; return what it holds but silence."""
    recorded, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 24_000
    assert np.array_equal(recorded, by_wave(path))
    return np.asarray(recorded[recorded != 0])


def samples_so_far(recording: Path) -> int:
    """Count the samples that are not silence in a recording that grows."""
    if not recording.exists() or not recording.stat().st_size:
        return 0
    return int(np.count_nonzero(by_wave(recording)))


# The same file as input and output


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.wav", None),
        ("./a.wav", None),
        ("b.wav", lambda path: path.symlink_to("a.wav")),
        ("b.wav", lambda path: path.hardlink_to(path.with_name("a.wav"))),
    ],
    ids=["same name", "other spelling", "symbolic link", "hard link"],
)
def test_the_file_that_is_played_is_not_recorded_over(
    tmp_path: Path, name: str, make: Callable[[Path], None] | None, more: tuple[str, ...]
) -> None:
    write_wav(tmp_path / "a.wav", OLDER)
    if make is not None:
        make(tmp_path / name)
    before = state(tmp_path)
    sentence = refused(tmp_path, "--input", "a.wav", "--output", name, *more)
    assert "is the file that --input plays (a.wav)" in sentence
    assert state(tmp_path) == before


# A file that exists


def test_an_output_that_exists_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", OLDER)
    before = state(tmp_path)
    sentence = refused(tmp_path, "--output", "a.wav")
    assert "a.wav exists, expected the name of a new file" in sentence
    assert "--overwrite" in sentence
    assert state(tmp_path) == before


def overwrite_replaces_an_older_recording(folder: Path) -> None:
    write_wav(folder / HEARD, OLDER)
    with (
        ScriptedService(answer_twice) as service,
        run_on_files(service, folder, SPOKEN, "--overwrite") as program,
    ):
        end_when_heard(program, folder / HEARD, np.concatenate(ANSWERS))
        assert f"Speaker output was saved to {folder / HEARD}." in program.out
    assert np.array_equal(sounds(folder / HEARD), np.concatenate(ANSWERS))
    assert (folder / HEARD).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == [HEARD, "spoken.wav"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_run_that_fails_before_the_first_sound_harms_and_leaves_nothing(
    tmp_path: Path, *, exists: bool
) -> None:
    async def close(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)  # both cards run by now
        await session.close()

    if exists:
        write_wav(tmp_path / HEARD, OLDER)
    spoken = write_wav(tmp_path / "spoken.wav", SPOKEN)
    before = state(tmp_path)
    arguments = ("--input", spoken, "--output", HEARD, "--overwrite", "--reconnect-s", "0")
    with (
        ScriptedService(close) as service,
        run_against(service, tmp_path, *arguments) as program,
    ):
        assert program.wait_exit() == BROKEN_OFF, program.said
    assert state(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_before_the_first_sound_leaves_no_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    async def listen(_session: ScriptedSession) -> None:
        return

    with (
        ScriptedService(listen) as service,
        run_on_files(service, tmp_path, noise(20, -9, 9, seed=1)) as program,
    ):
        program.wait_output("Ready: speak")
        assert (tmp_path / HEARD).stat().st_size == 0, "claimed"
        program.signal(number)
        program.wait_exit()
    assert not (tmp_path / HEARD).exists()


def two_runs_at_the_same_time_record_to_two_files(folder: Path) -> None:
    spoken = write_wav(folder / "spoken.wav", SPOKEN)
    with (
        ScriptedService(answer_twice) as service,
        run_against(service, folder, "--input", spoken) as first,
        run_against(service, folder, "--input", spoken) as second,
    ):
        names = set()
        for program in (first, second):
            assert program.wait_exit() == 0, program.said
            (name,) = {
                name
                for name in ("answer.wav", "answer-2.wav")
                if f"Speaker output was saved to {name}." in program.out
            }
            assert f"No loudspeaker found: the answers are saved to {name}." in program.out
            names.add(name)
    assert names == {"answer.wav", "answer-2.wav"}
    for name in names:
        assert np.array_equal(sounds(folder / name), np.concatenate(ANSWERS))
        assert (folder / name).stat().st_mode & 0o777 == 0o600


# Kills


def kill_everything(program: Program) -> None:
    """Leave only multiprocessing's resource tracker, which removes the shared memory."""
    children = program.children()
    program.signal(signal.SIGKILL)
    for child in children:
        child.kill()


def test_a_killed_run_leaves_a_readable_recording(tmp_path: Path) -> None:
    heard = tmp_path / HEARD
    with (
        ScriptedService(answer_endlessly) as service,
        run_on_files(service, tmp_path, noise(20, -9, 9, seed=1)) as program,
    ):
        program.wait_until(lambda: samples_so_far(heard) > len(ANSWERS[0]))
        kill_everything(program)
        program.wait_exit()
    recorded = sounds(heard)
    expected = np.concatenate(ANSWERS * 30)[: len(recorded)]
    assert len(recorded) > len(ANSWERS[0])
    assert np.array_equal(recorded, expected)


# A disk that fills up


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def check_incomplete(program: Program, recording: Path, reason: str) -> None:
    assert program.wait_exit() == RECORDING_LOST, program.said
    assert not program.err
    assert program.out.count(f"The recording of the answers ends here ({reason})") == 1
    assert program.out.rstrip().endswith(
        f"Speaker output was saved to {recording} only in part ({reason}): the recording is "
        "incomplete."
    )
    assert program.out.count("\nReady\n") >= 1, "the answers were heard to their end"
    recorded = sounds(recording)
    assert 0 < len(recorded) < 2 * len(ANSWERS[0])
    assert np.array_equal(recorded, np.concatenate(ANSWERS)[: len(recorded)])


def a_full_disk_ends_the_recording_and_not_the_conversation(folder: Path) -> None:
    recording = folder / "disk" / HEARD
    spoken = write_wav(folder / "spoken.wav", SPOKEN)
    with (
        small_disk(recording.parent, 32_768),
        ScriptedService(answer_twice) as service,
        run_against(service, folder, "--input", spoken, "--output", recording) as program,
    ):
        check_incomplete(program, recording, "No space left on device")


def test_a_limit_to_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    """By default the system kills a process that writes beyond it (SIGXFSZ)."""
    recording = tmp_path / HEARD
    with (
        ScriptedService(answer_twice) as service,
        run_on_files(service, tmp_path, SPOKEN) as program,
    ):
        program.wait_until(lambda: samples_so_far(recording))
        playback = voice_processes(program)["playback"]
        largest = recording.stat().st_size + ANSWERS[0].nbytes // 2
        resource.prlimit(playback.pid, resource.RLIMIT_FSIZE, (largest, largest))
        check_incomplete(program, recording, "File too large")


# What is played


def streamed(path: Path, size: int) -> Path:
    """Write `SPOKEN` as a program that streams it: the header has `size` in the lengths' places."""
    content = write_wav(path, SPOKEN).read_bytes()
    unknown = size.to_bytes(4, "little")
    path.write_bytes(content[:4] + unknown + content[8:40] + unknown + content[44:])
    return path


def recordings_without_a_length_are_spoken_to_their_end(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: len(session.heard) >= SPOKEN.nbytes)
        await answer(session, "answer", ANSWERS[0])
        await session.end_answer("answer", "item_answer")

    zero, most = streamed(folder / "zero.wav", 0), streamed(folder / "most.wav", 0xFFFF_FFFF)
    with (
        ScriptedService(script) as service,
        run_against(service, folder, "--input", zero, "--output", "0.wav") as first,
        run_against(service, folder, "--input", most, "--output", "1.wav") as second,
    ):
        for program in (first, second):
            assert program.wait_exit() == 0, program.said
    assert len(service.sessions) == 2
    for session in service.sessions:
        heard = np.frombuffer(bytes(session.heard), np.int16)
        assert np.array_equal(heard[: len(SPOKEN)], SPOKEN)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, chdir(path.parent):
        listener.bind(path.name)  # a socket's path may have 108 characters only


@pytest.mark.parametrize("direction", ["input", "output"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.mkdir, "a folder"),
        (os.mkfifo, "a named pipe"),
        (make_socket, "a socket"),
        (lambda path: path.symlink_to("/dev/full"), "a device"),
    ],
    ids=["folder", "pipe", "socket", "device"],
)
def test_what_is_not_an_ordinary_file_is_named(
    tmp_path: Path, direction: str, make: Callable[[Path], object], kind: str
) -> None:
    make(tmp_path / "a.wav")
    sentence = refused(tmp_path, f"--{direction}", "a.wav", "--overwrite")
    assert f"a.wav is {kind}, expected a" in sentence
    assert "give" in sentence


CHECKS = by_name(
    two_runs_at_the_same_time_record_to_two_files,
    a_full_disk_ends_the_recording_and_not_the_conversation,
    recordings_without_a_length_are_spoken_to_their_end,
    overwrite_replaces_an_older_recording,
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_run(held: Held, name: str) -> None:
    held.look(name)
