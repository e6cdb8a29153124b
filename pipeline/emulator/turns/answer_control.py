"""What the user's speech does to the answers, as the turn detection sees them."""

import asyncio
from typing import Protocol

from pipeline.emulator.conversation.user_turn import UserTurn


class AnswerControl(Protocol):
    """The answers of one session. Its configuration decides what each call leads to."""

    @property
    def is_sounding(self) -> bool:
        """Whether the client is still playing an answer."""
        ...

    def interrupt(self) -> None:
        """The user has begun to speak: stop the answer, if speech interrupts answers."""
        ...

    def prepare(self, words: "asyncio.Task[str]") -> None:
        """The user pauses: make the beginning of the answer to `words` ahead."""
        ...

    def drop_prepared(self) -> None:
        """The user speaks on: drop what was prepared."""
        ...

    def answer(self, turn: UserTurn) -> None:
        """The turn is over: answer it, if turns are answered automatically."""
        ...
