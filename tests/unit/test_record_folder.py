"""The folder of a recording: what stays in it when the run ends."""

import os
from pathlib import Path

import pytest

from pipeline.audio.recording_file import HEADER_BYTES
from pipeline.recorder.job import WAVE_NAME
from pipeline.supervisor.record_folder import RecordFolder


@pytest.fixture
def folder(tmp_path: Path) -> RecordFolder:
    return RecordFolder(str(tmp_path / "recording"))


def record(folder: RecordFolder) -> None:
    with (folder.path / WAVE_NAME).open("ab") as wave:
        wave.write(bytes(HEADER_BYTES))


def fail(*_arguments: object, **_keywords: object) -> None:
    raise OSError(5, "Input/output error")


def test_a_recording_stays(folder: RecordFolder) -> None:
    record(folder)
    assert folder.settle()
    assert (folder.path / WAVE_NAME).exists()


def test_a_folder_without_sound_goes(folder: RecordFolder) -> None:
    assert not folder.settle()
    assert not folder.path.exists()


def test_a_recording_that_cannot_be_looked_at_stays(
    folder: RecordFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(folder)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "stat", fail)
        assert not folder.settle()
    assert (folder.path / WAVE_NAME).stat().st_size == 2 * HEADER_BYTES


def test_a_recording_whose_lock_cannot_be_closed_stays(
    folder: RecordFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(folder)
    close = os.close

    def closed_late(file: int) -> None:
        close(file)
        fail()

    with monkeypatch.context() as broken:
        broken.setattr(os, "close", closed_late)
        assert folder.settle()
    assert (folder.path / WAVE_NAME).exists()
