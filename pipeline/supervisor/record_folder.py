"""The folder that a conversation is recorded to: claimed for one run, kept if it holds sound."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pipeline.audio.recording_file import HEADER_BYTES, header
from pipeline.errors import SettingsError
from pipeline.recorder.job import EVENTS_NAME, NAMES, WAVE_NAME
from pipeline.recorder.wave_file import CHANNELS
from pipeline.system.files import OPEN_BINARY, special_kind, try_lock

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN_BINARY


class RecordFolder:
    """Claims a new or empty folder: creates it, and the files that show that a run has it.

    :param given: its name as the person wrote it.
    :raises SettingsError: it cannot serve; nothing has been changed.
    """

    def __init__(self, given: str) -> None:
        self.given = Path(given)
        self.path = self.given.absolute()
        self._created = False
        self._lock: int | None = None
        try:
            self._claim()
        except OSError as error:
            self._remove()
            raise SettingsError(
                f"--record {given} cannot be written ({error.strerror}): give a folder that you "
                "may write to, on a disk with room."
            ) from error

    def settle(self) -> bool:
        """Release the folder, and remove what was created if nothing was recorded.

        Returns whether something was. A folder that cannot be looked at stays as it is.
        """
        try:
            recorded = (self.path / WAVE_NAME).stat().st_size > HEADER_BYTES
        except OSError:  # the disk is gone, perhaps not for long
            self._release()
            return False
        if recorded:
            self._release()
        else:
            self._remove()
        return recorded

    def _claim(self) -> None:
        kind = special_kind(self.path)
        if kind != "a folder" and self.path.exists():
            raise SettingsError(
                f"--record {self.given} is {kind or 'a file'}, expected the name of a new or empty "
                "folder: give another name."
            )
        with suppress(FileExistsError):
            self.path.mkdir(0o700)
            self._created = True
        if any(self.path.iterdir()):
            self._refuse()
        try:
            self._lock = os.open(self.path / EVENTS_NAME, _NEW, 0o600)
        except FileExistsError:  # another run was faster
            self._refuse()
        try_lock(self._lock)
        wave = os.open(self.path / WAVE_NAME, _NEW, 0o600)
        try:
            os.write(wave, header(0, CHANNELS))  # a full disk refuses it
        finally:
            os.close(wave)

    def _refuse(self) -> NoReturn:
        if self._is_recorded_to():
            raise SettingsError(
                f"Another run records to {self.given} at this moment: give --record another folder."
            )
        raise SettingsError(
            f"--record {self.given} is not empty, expected the name of a new or empty folder: give "
            "another name."
        )

    def _is_recorded_to(self) -> bool:
        try:
            file = os.open(self.path / EVENTS_NAME, os.O_RDWR | OPEN_BINARY)
        except OSError:
            return False
        try:
            return not try_lock(file)
        finally:
            os.close(file)

    def _remove(self) -> None:
        if self._lock is None and not self._created:
            return
        for name in NAMES if self._lock is not None else ():
            with suppress(OSError):
                (self.path / name).unlink(missing_ok=True)
        self._release()
        if self._created:
            with suppress(OSError):  # something else lies in it
                self.path.rmdir()

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(OSError):  # a network disk tells late what it could not write
                os.close(lock)
