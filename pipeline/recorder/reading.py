"""Reads events.jsonl again, also of a recorder or a run that was killed."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ

_UNREADABLE: Final = (ValueError, RecursionError)


def read_entries(path: Path) -> Iterator[dict[str, Any] | None]:
    """Return the lines of events.jsonl; None for one that is no object, such as half a line.

    :raises OSError: it cannot be read.
    """
    with path.open("rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except _UNREADABLE:
                yield None
            else:
                yield entry if isinstance(entry, dict) else None


def whole_number(value: object) -> int | None:
    """Return a number of an entry; None if it is none, or none that a place or a time can be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 1 << 62 else None  # a NaN is not less


class RecordingClock:
    """Tells the place of a time in conversation.wav, from the header and the clock entries.

    Between two of them the time is even; after the last one the sound has its nominal rate.
    """

    def __init__(self, entries: Iterable[dict[str, Any]]) -> None:
        marks: list[tuple[int, int]] = []
        for entry in entries:
            if entry.get("record") not in {"header", "clock"}:
                continue
            time_ns = whole_number(entry.get("time_ns"))
            place = whole_number(entry.get("sample"))
            if time_ns is None or place is None:
                continue
            if not marks or time_ns > marks[-1][0]:
                marks.append((time_ns, place))
        self._times_ns = [time_ns for time_ns, _ in marks]
        self._places = [place for _, place in marks]
        self._paces = [
            (after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(marks)
        ] + [SAMPLE_RATE_HZ / NS_PER_S]

    def place(self, time_ns: int) -> int:
        """Return the place of a time, in samples; times before the first mark lie before it."""
        if not self._times_ns:
            return 0
        mark = max(0, bisect_right(self._times_ns, time_ns) - 1)
        return self._places[mark] + round((time_ns - self._times_ns[mark]) * self._paces[mark])
