"""Server-sent events: bytes in, the data of each event out."""

from collections.abc import Iterator

_MOST_BYTES = 4 * 1024 * 1024


class EventStream:
    """Takes pieces of any size; a piece may end within a line or within a character."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the data of each event that `piece` completes.

        Raises `ValueError` if the stream is not UTF-8 or has a line of several MiB.
        """
        self._unread += piece
        *lines, rest = self._unread.split(b"\n")
        self._unread = bytearray(rest)
        if len(rest) > _MOST_BYTES:
            raise ValueError("a line does not end")
        for line in lines:
            yield from self._read(bytes(line).removesuffix(b"\r").decode())

    def _read(self, line: str) -> Iterator[str]:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif not line and self._data:
            yield "\n".join(self._data)
            self._data.clear()
