"""WAV files whose header counts no samples: streamed, or left by a recorder that was killed.

libsndfile plays a file whose header counts too many samples to its end, but takes a count of 0 at
its word. So it reads such a file with a header that counts the most there can be.
"""

import io
import struct
from pathlib import Path
from typing import BinaryIO

_MOST = 0xFFFF_FFFF
_CHUNK = struct.Struct("<4sI")
_RIFF_BYTES = 12
_DS64_DATA_SIZE_AT = 8


class Patched(io.RawIOBase):
    """A file, read-only, some of whose bytes read differently: `patches` by their offset."""

    def __init__(self, path: Path, patches: dict[int, bytes]) -> None:
        self._file = path.open("rb")
        self._patches = patches

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, into: "bytearray | memoryview") -> int:  # type: ignore[override]
        start = self._file.tell()
        read = bytearray(self._file.read(len(into)))
        for at, patch in self._patches.items():
            for offset, byte in enumerate(patch, at - start):
                if 0 <= offset < len(read):
                    read[offset] = byte
        into[: len(read)] = read
        return len(read)

    def close(self) -> None:
        self._file.close()
        super().close()


def unfinished(path: Path) -> Patched | None:
    """Open a WAV file whose header counts no samples although some follow it; else return None.

    :raises OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        patches = _patches(file)
    return Patched(path, patches) if patches else None


def _patches(file: BinaryIO) -> dict[int, bytes]:
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    begin = file.read(_RIFF_BYTES)
    if begin[:4] not in (b"RIFF", b"RF64") or begin[8:] != b"WAVE":
        return {}
    ds64_at = None
    while len(head := file.read(_CHUNK.size)) == _CHUNK.size:
        name, size = _CHUNK.unpack(head)
        at = file.tell()
        if name == b"data":
            break
        if name == b"ds64":
            ds64_at = at
        file.seek(at + size + size % 2)
    else:
        return {}
    if ds64_at is not None and size == _MOST:
        file.seek(ds64_at + _DS64_DATA_SIZE_AT)
        counted = int.from_bytes(file.read(8), "little")
        patch = {ds64_at: struct.pack("<QQ", end - 8, end - at)}
    else:
        counted = size
        patch = {4: struct.pack("<I", _MOST), at - 4: struct.pack("<I", _MOST)}
    is_empty = counted or _only_chunks(file, at, end)
    return {} if is_empty else patch


def _only_chunks(file: BinaryIO, at: int, end: int) -> bool:
    """Whether whole chunks follow up to the end: then the file has ended, and holds no sound."""
    while at < end:
        file.seek(at)
        head = file.read(_CHUNK.size)
        if len(head) < _CHUNK.size:
            return False
        name, size = _CHUNK.unpack(head)
        if not (name.isascii() and name.decode().isprintable()):
            return False
        at += _CHUNK.size + size + size % 2
    return at == end
