"""Which file a run records to: one that no other run takes, and that harms no other file."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.audio.recording_file import RecordingFile
from pipeline.audio.selection import SAMPLE_WAV
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError, WavError
from pipeline.supervisor.cards import check_files, choose_cards
from pipeline.supervisor.recording import Recording
from tests.support.sound import noise, write_wav

SOUND = noise(0.1, 1, 20_000, seed=1).tobytes()
OLDER = b"an older recording"

needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")


class Run:
    """A run's recording, with the settings `output` and `overwrite`."""

    def __init__(self, output: Path | None = None, *, overwrite: bool = False) -> None:
        self.said: list[str] = []
        self.recording = Recording(self.said.append)
        self._settings = Settings(
            input=str(SAMPLE_WAV),
            output=None if output is None else str(output),
            overwrite=overwrite,
        )

    def begin(self) -> None:
        """Do what the supervisor does on a machine without a sound card."""
        check_files(self._settings, self.recording)
        choose_cards(self._settings, self.recording, lambda: (), notice=self.said.append)

    def play(self, pcm: bytes) -> None:
        """Do what the playback process does."""
        choice = self.recording.choice
        assert choice is not None
        assert choice.file is not None
        file = RecordingFile(choice.file, choice.replaces)
        file.write(pcm)
        file.close()

    def whole(self, *pcm: bytes, error: type[BaseException] | None = None) -> str:
        """Run, and return what is said at the end."""
        with ExitStack() as stack:
            if error is not None:
                stack.enter_context(pytest.raises(error))
            with self.recording:
                self.begin()
                self.said.clear()
                for part in pcm:
                    self.play(part)
                if error is not None:
                    raise error
        return " ".join(self.said)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_default_recording_takes_the_next_free_name(folder: Path) -> None:
    for name in ("answer.wav", "answer-2.wav", "answer-3.wav"):
        run = Run()
        assert run.whole(SOUND) == f"Speaker output was saved to {name}."
    assert names(folder) == ["answer-2.wav", "answer-3.wav", "answer.wav"]
    assert len({(folder / name).read_bytes() for name in names(folder)}) == 1


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere.wav")])
def test_the_default_recording_never_takes_what_is_there(
    folder: Path, make: Callable[[Path], object]
) -> None:
    make(folder / "answer.wav")
    assert "answer-2.wav" in Run().whole(SOUND)
    assert names(folder) == ["answer-2.wav", "answer.wav"]


def test_runs_at_the_same_time_take_different_names(folder: Path) -> None:
    runs = [Run() for _ in range(5)]
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.recording)
            run.begin()
        for run in runs:
            run.play(SOUND)
    assert len(names(folder)) == len({run.said[-1] for run in runs}) == len(runs)


def test_an_output_that_exists_is_refused(folder: Path) -> None:
    (folder / "a.wav").write_bytes(OLDER)
    with pytest.raises(WavError) as caught:
        Run(Path("a.wav")).begin()
    assert str(caught.value) == (
        "--output a.wav exists, expected the name of a new file: give another name, or add "
        "--overwrite to replace it."
    )
    assert (folder / "a.wav").read_bytes() == OLDER


def test_overwrite_replaces_it_with_the_first_sound(folder: Path) -> None:
    (folder / "a.wav").write_bytes(OLDER)
    run = Run(Path("a.wav"), overwrite=True)
    assert run.whole(bytes(100), SOUND) == "Speaker output was saved to a.wav."
    assert (folder / "a.wav").read_bytes().endswith(SOUND)
    assert names(folder) == ["a.wav"]


def test_overwrite_does_not_need_a_file(folder: Path) -> None:
    assert "saved" in Run(Path("a.wav"), overwrite=True).whole(SOUND)
    assert names(folder) == ["a.wav"]


@pytest.mark.parametrize("error", [None, PipelineError, KeyboardInterrupt, SystemExit])
def test_a_run_without_sound_leaves_everything_as_it_was(
    folder: Path, error: type[BaseException] | None
) -> None:
    (folder / "a.wav").write_bytes(OLDER)
    said = Run(Path("a.wav"), overwrite=True).whole(bytes(100), error=error)
    assert said == ("The speaker was silent: a.wav was not written." if error is None else "")
    Run(Path("b.wav")).whole(bytes(100), error=error)
    Run().whole(error=error)
    assert names(folder) == ["a.wav"]
    assert (folder / "a.wav").read_bytes() == OLDER


@pytest.mark.parametrize("error", [PipelineError, KeyboardInterrupt])
def test_a_run_that_breaks_off_tells_where_the_recording_is(error: type[BaseException]) -> None:
    said = Run(Path("a.wav")).whole(SOUND, error=error)
    assert said == "Speaker output was saved to a.wav."


def test_a_recording_that_could_not_be_finished_is_told() -> None:
    run = Run(Path("a.wav"))
    run.recording.note_end("No space left on device")
    assert run.whole(SOUND) == (
        "Speaker output was saved to a.wav only in part (No space left on device): "
        "the recording is incomplete."
    )


def test_only_a_recording_that_was_asked_for_is_short(folder: Path) -> None:
    for named in (True, False):
        recording = Recording(print)
        if named:
            recording.claim(Path("named.wav"), overwrite=False)
        else:
            recording.claim_free_name()
        assert not recording.is_short
        recording.note_end("No space left on device")
        assert recording.is_short is named
        with recording:
            pass
    assert names(folder) == []


def test_a_recording_that_could_not_be_begun_is_told(folder: Path) -> None:
    run = Run(Path("a.wav"))
    run.recording.note_end("No space left on device")
    assert run.whole() == (
        "Speaker output was not saved: a.wav could not be written (No space left on device)."
    )
    assert names(folder) == []


@needs_locks
@pytest.mark.parametrize("plays", [False, True])
@pytest.mark.parametrize("exists", [False, True])
def test_overwrite_does_not_take_the_file_of_a_run(
    folder: Path, *, exists: bool, plays: bool
) -> None:
    if exists:
        (folder / "a.wav").write_bytes(OLDER)
    first, second = Run(Path("a.wav"), overwrite=exists), Run(Path("a.wav"), overwrite=True)
    with first.recording:
        first.begin()
        assert first.recording.choice is not None
        assert first.recording.choice.file is not None
        file = RecordingFile(first.recording.choice.file, first.recording.choice.replaces)
        if plays:
            file.write(SOUND)
        with pytest.raises(WavError, match=r"Another run records to a\.wav"):
            second.begin()
        file.write(SOUND)
        file.close()
    assert first.said[-1] == "Speaker output was saved to a.wav."
    assert second.whole(SOUND[:100]) == "Speaker output was saved to a.wav."


def test_a_link_stays_and_its_file_is_replaced(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "b.wav").write_bytes(OLDER)
    (folder / "a.wav").symlink_to("elsewhere/b.wav")
    Run(Path("a.wav"), overwrite=True).whole(SOUND)
    assert (folder / "a.wav").is_symlink()
    assert (folder / "elsewhere" / "b.wav").read_bytes().endswith(SOUND)
    assert names(folder / "elsewhere") == ["b.wav"]


def test_another_name_of_a_file_that_is_replaced_keeps_it(folder: Path) -> None:
    (folder / "a.wav").write_bytes(OLDER)
    (folder / "kept.wav").hardlink_to(folder / "a.wav")
    Run(Path("a.wav"), overwrite=True).whole(SOUND)
    assert (folder / "kept.wav").read_bytes() == OLDER


def test_the_spoken_sample_is_never_recorded_over() -> None:
    before = SAMPLE_WAV.read_bytes()
    with pytest.raises(WavError, match="would destroy it"):
        Run(SAMPLE_WAV, overwrite=True).begin()
    assert SAMPLE_WAV.read_bytes() == before


@pytest.mark.parametrize("output", ["no/such/folder/a.wav", "file/a.wav"])
def test_an_output_that_cannot_be_written(folder: Path, output: str) -> None:
    (folder / "file").touch()
    write_wav(folder / "in.wav", noise(0.1, 1, 9, seed=1))
    with pytest.raises(WavError, match=f"{output} cannot be written"):
        Run(Path(output)).begin()
