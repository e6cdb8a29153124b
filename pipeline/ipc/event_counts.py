"""Events of the protocol as lines for a person: frequent ones are counted, the others listed."""

from collections import Counter

_FREQUENT = ("input_audio_buffer.append", "input_audio.turn.append")


class EventCounts:
    """Makes lines of events; those that come many times a second are told with the next other."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def lines(self, kind: str) -> list[str]:
        """Return the lines to show now: none for a frequent event."""
        if kind.endswith(".delta") or kind in _FREQUENT:
            self._counts[kind] += 1
            return []
        return [*self.rest(), kind]

    def rest(self) -> list[str]:
        """Return the line of what was counted since the last one, if anything was."""
        counted = ", ".join(f"{count} {kind}" for kind, count in self._counts.items())
        self._counts.clear()
        return [counted] if counted else []
