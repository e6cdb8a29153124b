"""A WAV file of PCM16 at 24 kHz that grows while it is recorded.

    RIFF size WAVE │ JUNK 28 bytes │ fmt  │ data size │ samples …      up to 4 GiB
    RF64  -1  WAVE │ ds64 sizes    │ fmt  │ data  -1  │ samples …      beyond

The header is written again after the samples of each write, so that a recorder that is killed
leaves a readable file.
"""

import errno
import os
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ
from pipeline.system.files import OPEN_BINARY, FileId, try_lock

HEADER_BYTES = 80
"""A file of this length or less holds no sound."""

_LARGEST_SIZE = 0xFFFF_FFFF
_FORMAT_AT, _DATA_AT = 48, 72


def wav_format(channels: int = 1) -> bytes:
    """Return the chunk that describes PCM16 at 24 kHz."""
    frame_bytes = channels * SAMPLE_BYTES
    return struct.pack(
        "<4sIHHIIHH",
        *(b"fmt ", 16, 1, channels, SAMPLE_RATE_HZ),
        *(SAMPLE_RATE_HZ * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES),
    )


_FORMAT = wav_format()


def header(data_bytes: int, channels: int = 1) -> bytes:
    """Return the `HEADER_BYTES` before samples of this length."""
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    if riff_bytes <= _LARGEST_SIZE:
        begin = struct.pack("<4sI4s4sI28x", b"RIFF", riff_bytes, b"WAVE", b"JUNK", 28)
    else:
        frames = data_bytes // (channels * SAMPLE_BYTES)
        begin = struct.pack("<4sI4s", b"RF64", _LARGEST_SIZE, b"WAVE") + struct.pack(
            "<4sIQQQI", b"ds64", 28, riff_bytes, data_bytes, frames, 0
        )
        data_bytes = _LARGEST_SIZE
    return begin + wav_format(channels) + struct.pack("<4sI", b"data", data_bytes)


class RecordingFile:
    """Begins with the first sound; the silence before it is counted, and written then.

    Until then a file that the supervisor has claimed stays empty, and an older recording whole. A
    recording that is there already, of a process that has ended, is continued.

    :param replaces: the older file at `path` that this recording takes the place of.
    :param begin_bytes: position of the first sample. Silence fills what is missing before it.
    :ivar keeps_silence: whether `close` leaves a recording even if there was no sound. By default
        only if nothing claimed the file: then it does not exist at the beginning.
    """

    def __init__(self, path: Path, replaces: FileId | None = None, begin_bytes: int = 0) -> None:
        self._path = path
        self._replaces = replaces
        self.keeps_silence = not path.exists()
        self._begin_bytes = begin_bytes
        self._silent_bytes = 0
        self._continues = False
        self._file: int | None = None
        self._data_bytes = 0

    def write(self, pcm: bytes) -> None:
        """Append samples.

        :raises OSError: the disk is full, for example. What was written before stays readable.
        """
        if self._file is not None:
            self._append(self._file, pcm)
        elif pcm.strip(b"\0"):
            self._begin(pcm)
        else:
            self._silent_bytes += len(pcm)

    def close(self) -> None:
        """End the recording. Without sound there is a file only if `keeps_silence` is true.

        :raises OSError: it cannot be written.
        """
        if self._file is None and self.keeps_silence:
            self._begin(b"")
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def _begin(self, pcm: bytes) -> None:
        if self._replaces is not None and FileId.of(self._path) == self._replaces:
            self._file = self._replace(pcm)
        else:
            self._file = self._open()
            try:
                self._append(self._file, pcm)
            except OSError:
                if not self._continues:  # a claimed file that holds no sound is empty
                    os.ftruncate(self._file, 0)
                raise

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | OPEN_BINARY, 0o600)
        try:
            try_lock(file)  # fails if the supervisor has locked it, which serves as well
            size = os.fstat(file).st_size
            if size and os.read(file, HEADER_BYTES)[_FORMAT_AT:_DATA_AT] != _FORMAT:
                raise FileExistsError(errno.EEXIST, "another file has taken its place")
            self._continues = size > 0
            self._skip_silence(file, self._whole_samples(size))
        except OSError:
            os.close(file)
            raise
        return file

    def _replace(self, pcm: bytes) -> int:
        """Write the beginning to a new file, then let it take the older one's name at once."""
        file, name = tempfile.mkstemp(".part", ".recording-", self._path.parent)
        try:
            try_lock(file)
            self._skip_silence(file, 0)
            self._append(file, pcm)
            if sys.platform == "win32":  # an open file cannot be renamed there
                os.close(file)
                Path(name).replace(self._path)
                return os.open(self._path, os.O_RDWR | OPEN_BINARY)
            Path(name).replace(self._path)
        except OSError:
            with suppress(OSError):
                os.close(file)
            Path(name).unlink(missing_ok=True)
            raise
        return file

    def _skip_silence(self, file: int, data_bytes: int) -> None:
        """Append the silence so far to `data_bytes` of samples; most disks store no zeros."""
        self._data_bytes = data_bytes
        self._write_header(file)  # first: what exists under the recording's name is a WAV file
        self._data_bytes = max(data_bytes, self._begin_bytes) + self._silent_bytes
        os.ftruncate(file, HEADER_BYTES + self._data_bytes)

    def _append(self, file: int, pcm: bytes) -> None:
        os.lseek(file, HEADER_BYTES + self._data_bytes, os.SEEK_SET)
        left = memoryview(pcm)
        try:
            while left:
                left = left[os.write(file, left) :]
        finally:
            # Samples first, then the header that counts them: after a kill in between, the header
            # tells of the samples before.
            self._data_bytes = self._whole_samples(os.fstat(file).st_size)
            self._write_header(file)

    def _write_header(self, file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, header(self._data_bytes))

    @staticmethod
    def _whole_samples(file_bytes: int) -> int:
        """Return the bytes of the samples in a file of this length."""
        data_bytes = max(0, file_bytes - HEADER_BYTES)
        return data_bytes - data_bytes % SAMPLE_BYTES
