"""events.jsonl: what happened, one JSON object a line.

Lines with "event" are the conversation's events, as `run --json-events` prints them. Lines with
"record" are the recorder's own: see docs/using.md.
"""

import json
import os
from pathlib import Path
from typing import Any

from pipeline.system.files import OPEN_BINARY


class EventLog:
    """Appends lines. A file that holds some is continued, also behind half a line.

    :ivar is_new: whether it holds no line yet.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | OPEN_BINARY, 0o600)
        size = os.fstat(self._file).st_size
        self.is_new = size == 0
        self._waiting: list[str] = []
        if size:
            os.lseek(self._file, size - 1, os.SEEK_SET)
            if os.read(self._file, 1) != b"\n":
                self._waiting.append("\n")

    def add(self, entry: dict[str, Any]) -> None:
        self._waiting.append(json.dumps(entry) + "\n")

    def flush(self) -> None:
        """Write what waits.

        :raises OSError: the disk is full, for example.
        """
        left = memoryview("".join(self._waiting).encode())
        self._waiting.clear()
        while left:
            left = left[os.write(self._file, left) :]

    def close(self) -> None:
        os.close(self._file)
