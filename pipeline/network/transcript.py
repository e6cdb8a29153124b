"""What was said so far, free of I/O, so that another session can be told.

The service keeps a conversation only as long as its session. The user's words often arrive in the
middle of the answer to them: a turn takes its place when it begins, and its words when they come.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.ipc.reports import TurnMemory
from pipeline.network.actions import AddMessage


@dataclass(slots=True, eq=False)
class Turn:
    """One side's words, empty until they are known."""

    role: Literal["user", "assistant"]
    item_id: str = ""
    words: str = ""
    heard: int | None = None
    """Characters of the words that have been heard, while more may be heard; None: all."""

    def message(self) -> Iterator[AddMessage]:
        """What a new session is told of the turn, if it has words."""
        if words := self.words.strip():
            yield AddMessage(self.role, words)


class Transcript:
    """The latest turns, in the order in which they began."""

    MOST_TURNS = 100
    """Bounds memory, and what a new session has to read."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque(maxlen=self.MOST_TURNS)
        self._withheld: list[Turn] = []

    def begin_user(self, item_id: str) -> None:
        """The user has finished a turn; its words may come later."""
        self._turns.append(Turn("user", item_id))

    def begin_assistant(self) -> Turn:
        """An answer begins; its words are for the caller to add."""
        turn = Turn("assistant", heard=0)
        self._turns.append(turn)
        return turn

    def user_said(self, item_id: str, words: str) -> None:
        """The words of a turn are known."""
        for turn in self._turns:
            if turn.role == "user" and turn.item_id == item_id and not turn.words:
                turn.words = words
                return
        self._turns.append(Turn("user", item_id, words))

    def memory(self, unspoken: Collection[Turn]) -> tuple[list[Turn], tuple[TurnMemory, ...]]:
        """Return all turns, and copies for another process, without the words of `unspoken`."""
        turns = list(self._turns)
        return turns, tuple(
            TurnMemory(turn.role, turn.item_id)
            if turn in unspoken
            else TurnMemory(turn.role, turn.item_id, turn.words, turn.heard)
            for turn in turns
        )

    def restore(self, turns: tuple[TurnMemory, ...]) -> list[Turn]:
        """Begin with what another process remembered; returns its turns."""
        self._turns.extend(Turn(*turn) for turn in turns)
        return list(self._turns)

    def ends_with_user(self, unspoken: Collection[Turn] = ()) -> bool:
        """Whether the last words known are the user's, `unspoken` answers left out."""
        spoken = [turn for turn in self._turns if turn.words.strip() and turn not in unspoken]
        return bool(spoken) and spoken[-1].role == "user"

    def replay(self, unheard: Collection[Turn]) -> Iterator[AddMessage]:
        """Tell a new session all that was said, but for `unheard` answers.

        Those still sound: `replay_heard` tells them when it is known how much of them was heard.
        """
        self._withheld = list(unheard)
        for turn in self._turns:
            if turn not in self._withheld:
                yield from turn.message()

    @property
    def withholds(self) -> bool:
        """Whether `replay` has left answers to `replay_heard`."""
        return bool(self._withheld)

    def replay_heard(self, unheard: Collection[Turn]) -> Iterator[AddMessage]:
        """Tell the withheld answers that are not among the `unheard` any more."""
        settled = [turn for turn in self._withheld if turn not in unheard]
        self._withheld = [turn for turn in self._withheld if turn in unheard]
        for turn in settled:
            yield from turn.message()

    def stop_replay(self) -> None:
        """The session that was told is gone: the next one is told everything."""
        self._withheld = []
