"""The file that the speaker is recorded to: claimed for one run, kept only if it holds sound."""

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from pipeline.audio.recording_file import HEADER_BYTES
from pipeline.audio.selection import DeviceChoice
from pipeline.errors import WavError, is_foreseen
from pipeline.system.files import OPEN_BINARY, FileId, try_lock
from pipeline.system.signals import ending_signals_ignored

DEFAULT_NAME = "answer.wav"
"""Where the answers go if there is no loudspeaker; `answer-2.wav` and so on if it exists."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN_BINARY


class Recording:
    """Claims a file for the run, so that no other run takes it. Leaving the context settles it.

    A new file is created empty. An older recording stays whole until playback replaces it, with
    the first sound. Enter this context before the children's: they end before the file is settled.

    :param say: told at the end where the recording is.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._claim: _Claim | None = None
        self._reason: str | None = None
        self._is_named = False

    @property
    def choice(self) -> DeviceChoice | None:
        """The claimed file as a speaker; None if none is claimed."""
        return None if self._claim is None else self._claim.choice

    @property
    def given(self) -> Path | None:
        """The claimed file's name as the person gave it; None if none is claimed."""
        return None if self._claim is None else self._claim.given

    def claim(self, path: Path, *, overwrite: bool) -> None:
        """Claim the file that the person names.

        :raises WavError: it exists, or cannot be written.
        """
        self._is_named = True
        try:
            self._claim = _Claim(path, overwrite=overwrite)
        except FileExistsError:
            raise WavError(
                f"--output {path} exists, expected the name of a new file: give another name, or "
                "add --overwrite to replace it."
            ) from None
        except OSError as error:
            _refuse(path, error)

    def claim_free_name(self) -> DeviceChoice:
        """Claim the first free name for a recording in the current folder.

        :raises WavError: the folder cannot be written to.
        """
        names = _default_names()
        while True:
            name = next(names)
            try:
                self._claim = _Claim(name, overwrite=False)
            except FileExistsError:
                continue
            except OSError as error:
                _refuse(name, error)
            return self._claim.choice

    @property
    def is_short(self) -> bool:
        """Whether something that the person asked to record is missing."""
        return self._reason is not None and self._is_named

    def note_end(self, reason: str) -> None:
        """Remember that playback could not write to the end."""
        self._reason = reason

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._claim is None:
            return
        with ending_signals_ignored():
            holds_sound = self._claim.settle()
            if is_foreseen(kind):
                self._tell(self._claim.given, holds_sound=holds_sound, failed=error is not None)

    def _tell(self, path: Path, *, holds_sound: bool, failed: bool) -> None:
        if holds_sound and self._reason is not None:
            self._say(
                f"Speaker output was saved to {path} only in part ({self._reason}): "
                "the recording is incomplete."
            )
        elif holds_sound:
            self._say(f"Speaker output was saved to {path}.")
        elif self._reason is not None:
            self._say(
                f"Speaker output was not saved: {path} could not be written ({self._reason})."
            )
        elif not failed:
            self._say(f"The speaker was silent: {path} was not written.")


class _Claim:
    """A file that is locked for this run, at `path`; `given` is its name as the person wrote it.

    :raises FileExistsError: it exists and may not be overwritten.
    :raises OSError: it cannot be written.
    """

    def __init__(self, given: Path, *, overwrite: bool) -> None:
        self.given = given
        # A link to a file that does not exist is followed only if the person agrees to it.
        self.path = given.resolve() if overwrite else given.parent.resolve() / given.name
        self.replaces: FileId | None = None
        try:
            self._file = os.open(self.path, _NEW, 0o600)
        except FileExistsError:
            if not overwrite:
                raise
            self._file = _open_to_replace(self.path)
            self.replaces = FileId.of_open(self._file)
        if not try_lock(self._file):
            os.close(self._file)
            raise WavError(
                f"Another run records to {given} at this moment: give --output another path."
            )
        self._id = FileId.of_open(self._file)
        if os.name == "nt":  # an open file can be neither replaced nor removed there
            os.close(self._file)

    @property
    def choice(self) -> DeviceChoice:
        return DeviceChoice(self.path, replaces=self.replaces)

    def settle(self) -> bool:
        """Remove the file that was created for this run, unless it holds sound.

        Returns whether it holds sound. An older recording that was not replaced stays.
        """
        try:
            return self._holds_sound()
        except OSError:  # the disk is gone
            return False
        finally:
            if os.name != "nt":
                os.close(self._file)

    def _holds_sound(self) -> bool:
        present = FileId.of(self.path)
        if present is None or present == self.replaces:
            return False
        if self.path.stat().st_size > HEADER_BYTES:
            return True
        if present == self._id:
            self.path.unlink()
        return False


def _open_to_replace(path: Path) -> int:
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return os.open(path, os.O_RDWR | OPEN_BINARY)


def _default_names() -> Iterator[Path]:
    default = Path(DEFAULT_NAME)
    yield default
    for number in itertools.count(2):
        yield default.with_stem(f"{default.stem}-{number}")


def _refuse(path: Path, error: OSError) -> NoReturn:
    raise WavError(
        f"{path} cannot be written ({error.strerror}): give --output a path in a folder that you "
        "may write to."
    ) from error
