"""A recording is written beside the sound, however long the disk takes."""

import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.audio.recording_file import RecordingFile
from pipeline.audio.recording_writer import RecordingWriter
from pipeline.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ
from tests.support.sound import noise, read_wav

SECOND = noise(1, 1, 20_000, seed=1).tobytes()


class Disk:
    """A file whose writes wait until `answers` is set, or fail."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.writes = threading.Event()
        self.error: OSError | None = None
        self.keeps_silence = False
        self.written = b""

    def write(self, pcm: bytes) -> None:
        self.writes.set()
        self.answers.wait()
        if self.error:
            raise self.error
        self.written += pcm

    def close(self) -> None:
        self.answers.wait()


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.answers.set()


def writer_on(disk: Any) -> RecordingWriter:
    return RecordingWriter(disk)


def test_everything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    writer = RecordingWriter(RecordingFile(path))
    for _ in range(3):
        writer.put(SECOND)
        writer.check()
    writer.put(SECOND)
    writer.close()
    assert read_wav(path).tobytes() == 4 * SECOND


def test_a_disk_that_hangs_ends_the_recording_once_and_fills_no_memory(disk: Disk) -> None:
    writer = writer_on(disk)
    writer.put(SECOND)
    writer.check()
    assert disk.writes.wait(60)  # it hangs in this one
    for _ in range(RecordingWriter.MOST_WAITING_S):
        writer.put(SECOND)
        writer.check()
    writer.put(SECOND)
    with pytest.raises(OSError, match="the disk has taken nothing for 60 s"):
        writer.check()
    for _ in range(100):
        writer.put(SECOND)
        writer.check()
    assert not writer._waiting
    writer.close()
    disk.answers.set()
    writer._thread.join()
    assert disk.written == SECOND


def test_a_disk_that_is_slow_for_a_while_costs_nothing(disk: Disk) -> None:
    writer = writer_on(disk)
    for _ in range(RecordingWriter.MOST_WAITING_S):
        writer.put(SECOND)
        writer.check()
    disk.answers.set()
    writer.close()
    assert len(disk.written) == RecordingWriter.MOST_WAITING_S * SAMPLE_RATE_HZ * SAMPLE_BYTES


def test_an_error_of_the_last_piece_is_raised_at_the_end(disk: Disk) -> None:
    disk.error = OSError(errno.ENOSPC, "No space left on device")
    disk.answers.set()
    writer = writer_on(disk)
    writer.put(SECOND)
    with pytest.raises(OSError, match="No space left"):
        writer.close()


def test_a_disk_that_does_not_take_the_end_in_time(disk: Disk) -> None:
    writer = writer_on(disk)
    writer.put(SECOND)
    with pytest.raises(OSError, match="did not take the end in time"):
        writer.close()
