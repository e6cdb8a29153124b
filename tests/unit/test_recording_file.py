"""A recording is readable whatever happens to its process, its disk and its length."""

import errno
import os
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.recording_file import HEADER_BYTES, RecordingFile
from pipeline.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples
from pipeline.system.files import FileId
from tests.support.sound import noise

SOUND = noise(0.5, 1, 20_000, seed=1)
TOO_LARGE = os.strerror(errno.EFBIG)
SILENCE = np.zeros(1_000, np.int16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.wav"


def by_wave(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert file.getparams()[:3] == (1, SAMPLE_BYTES, SAMPLE_RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def by_soundfile(path: Path) -> Samples:
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == SAMPLE_RATE_HZ
    return np.asarray(samples)


def holds(path: Path, *parts: Samples) -> bool:
    expected = np.concatenate(parts)
    return all(np.array_equal(read(path), expected) for read in (by_wave, by_soundfile))


def test_it_is_readable_after_every_write(path: Path) -> None:
    recording = RecordingFile(path)
    for end in range(1_000, len(SOUND), 1_000):
        recording.write(SOUND[end - 1_000 : end].tobytes())
        assert holds(path, SOUND[:end])
    recording.close()


def test_it_begins_with_the_first_sound_and_holds_the_silence_before_it(path: Path) -> None:
    recording = RecordingFile(path)
    recording.write(SILENCE.tobytes())
    recording.write(SILENCE.tobytes())
    assert not path.exists()
    recording.write(SOUND.tobytes())
    recording.write(SILENCE.tobytes())
    recording.close()
    assert holds(path, SILENCE, SILENCE, SOUND, SILENCE)


@pytest.mark.parametrize("silence", [SILENCE, SILENCE[:0]])
@pytest.mark.parametrize("content", [None, b"", b"older"])
@pytest.mark.parametrize("kept", [False, True])
def test_silence_is_kept_where_it_is_wanted_or_nothing_claimed_the_file(
    path: Path, silence: Samples, content: bytes | None, *, kept: bool
) -> None:
    if content is not None:
        path.write_bytes(content)
    recording = RecordingFile(path, FileId.of(path) if content else None)
    recording.write(silence.tobytes())
    if kept:
        recording.keeps_silence = True
    recording.close()
    if kept or content is None:
        assert holds(path, silence)
    else:
        assert path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="has no such rights")
@pytest.mark.parametrize("replaces", [False, True])
def test_only_its_owner_may_read_it(path: Path, *, replaces: bool) -> None:
    if replaces:
        path.write_bytes(b"older")
        path.chmod(0o644)
    recording = RecordingFile(path, FileId.of(path))
    recording.write(SOUND.tobytes())
    recording.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_older_recording_is_whole_until_the_first_sound(path: Path) -> None:
    path.write_bytes(b"older")
    recording = RecordingFile(path, FileId.of(path))
    recording.write(SILENCE.tobytes())
    assert path.read_bytes() == b"older"
    recording.write(SOUND.tobytes())
    assert holds(path, SILENCE, SOUND)
    recording.write(SOUND.tobytes())
    recording.close()
    assert holds(path, SILENCE, SOUND, SOUND)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_older_recording_stays_if_nothing_sounds(path: Path) -> None:
    path.write_bytes(b"older")
    recording = RecordingFile(path, FileId.of(path))
    recording.write(SILENCE.tobytes())
    recording.close()
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("replaces", [False, True])
def test_the_recording_of_a_process_that_died_is_continued(path: Path, *, replaces: bool) -> None:
    path.write_bytes(b"older" if replaces else b"")
    older = FileId.of(path) if replaces else None
    with path.open("rb"):  # as the supervisor holds it, so that its identity stays its own
        first = RecordingFile(path, older)
        first.write(SOUND.tobytes())
        second = RecordingFile(path, older)
        second.write(SILENCE.tobytes())
        second.write(SOUND[:7].tobytes())
        second.close()
    assert holds(path, SOUND, SILENCE, SOUND[:7])
    first.close()


def test_a_foreign_file_is_never_written_to(path: Path) -> None:
    path.write_bytes(b"someone's work" * 100)
    recording = RecordingFile(path)
    with pytest.raises(FileExistsError):
        recording.write(SOUND.tobytes())
    assert path.read_bytes() == b"someone's work" * 100


def test_beyond_4_gib_it_goes_on_as_rf64(path: Path) -> None:
    """The silence at the beginning is a hole in the file: the disk stores almost nothing."""
    silent_bytes = (1 << 32) - HEADER_BYTES - SOUND.nbytes
    recording = RecordingFile(path)
    recording._silent_bytes = silent_bytes
    recording.write(SOUND.tobytes())
    with soundfile.SoundFile(path) as file:
        assert (file.format, file.frames) == ("WAV", silent_bytes // 2 + len(SOUND))
    for frames in (len(SOUND), 2 * len(SOUND)):
        recording.write(SOUND.tobytes())
        with soundfile.SoundFile(path) as file:
            assert file.format == "RF64"
            assert file.frames == silent_bytes // 2 + len(SOUND) + frames
            file.seek(file.frames - len(SOUND) - 1)
            assert np.array_equal(file.read(dtype="int16")[1:], SOUND)
    recording.close()
    assert path.stat().st_blocks * 512 < 1 << 20


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit to the size of files")
@pytest.mark.parametrize("odd_byte", [0, 1])
def test_a_write_that_fails_leaves_all_samples_that_the_disk_took(
    path: Path, odd_byte: int
) -> None:
    recording = RecordingFile(path)
    recording.write(SOUND.tobytes())
    with (
        largest_file(HEADER_BYTES + SOUND.nbytes + 1_000 + odd_byte),
        pytest.raises(OSError, match=TOO_LARGE),
    ):
        recording.write(SOUND.tobytes())
    recording.close()
    assert holds(path, SOUND, SOUND[:500])


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit to the size of files")
def test_a_first_write_that_fails_leaves_a_claimed_file_empty(path: Path) -> None:
    path.touch()
    recording = RecordingFile(path)
    recording.write(SILENCE.tobytes())
    with largest_file(HEADER_BYTES + SILENCE.nbytes), pytest.raises(OSError, match=TOO_LARGE):
        recording.write(SOUND.tobytes())
    recording.close()
    assert path.stat().st_size == 0


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit to the size of files")
def test_a_first_write_that_fails_leaves_an_older_recording(path: Path) -> None:
    path.write_bytes(b"older")
    recording = RecordingFile(path, FileId.of(path))
    with largest_file(HEADER_BYTES + 100), pytest.raises(OSError, match=TOO_LARGE):
        recording.write(SOUND.tobytes())
    recording.close()
    assert path.read_bytes() == b"older"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
