"""What the ears have decided, read from the words that they write."""

from collections.abc import Callable

from pipeline.ipc.commands import BeginTurn, EndTurn
from pipeline.shm.fields import EarsFields


class EarsWatch:
    """Notices what the ears have written since the last look.

    :param keeps: whether what was captured at a time can still be sent.
    """

    def __init__(self, words: EarsFields, keeps: Callable[[int], bool]) -> None:
        self._words = words
        self._keeps = keeps
        self._wanted_generation = 0
        self._turn_begin_ns = self._turn_end_ns = 0

    def interrupts(self, generation: int) -> bool:
        """Return, once, whether the ears hear a person over the answer of `generation`."""
        wanted = self._words.interrupt.load()
        if wanted == self._wanted_generation:
            return False
        self._wanted_generation = wanted
        return wanted > generation

    def turn_marks(self, *, again: bool = False) -> list[BeginTurn | EndTurn]:
        """Return, once, where the user's turn begins and ends, if the ears mark turns.

        :param again: a process before this one has been told, and may have had the turn answered.
        """
        # turns: the end first, the reverse of the ears' order: an end that is seen is not that of
        # a turn whose begin is not.
        end_ns, begin_ns = self._words.turn_end_ns.load(), self._words.turn_begin_ns.load()
        understood = again and end_ns >= begin_ns and not self._keeps(end_ns)
        marks: list[BeginTurn | EndTurn] = []
        if begin_ns != self._turn_begin_ns and not understood:
            marks.append(BeginTurn(begin_ns, again))
        if end_ns != self._turn_end_ns and end_ns >= begin_ns and not understood:
            marks.append(EndTurn(end_ns))
        self._turn_begin_ns, self._turn_end_ns = begin_ns, end_ns
        return marks
