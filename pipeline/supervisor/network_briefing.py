"""What a new network process is told, so that it goes on where the one before it ended."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.ipc.commands import BeginTurn, Command, EndTurn, OfferTools, UpdateSession
from pipeline.ipc.reports import ConversationMemory


class NetworkBriefing:
    """Keeps what a network process has reported, and the commands that the next one needs too.

    :ivar memory: the latest report; None before there was a process.
    """

    def __init__(self) -> None:
        self.memory: ConversationMemory | None = None
        self._offer: OfferTools | None = None
        self._update = UpdateSession()
        self._marks: tuple[BeginTurn | EndTurn, ...] = ()  # of the latest turn

    def note(self, command: Command) -> None:
        """A network process is told `command`."""
        match command:
            case OfferTools():
                self._offer = command
            case UpdateSession():
                self._update = replace(self._update, **command.given)
            case BeginTurn():
                self._marks = (command,)
            case EndTurn() if self._marks:
                self._marks = (self._marks[0], command)

    def commands(self) -> Iterator[Command]:
        """Yield what a new process is told first."""
        if self._update != UpdateSession():
            yield self._update
        if self._offer is not None:
            yield self._offer
        for mark in self._marks:
            yield replace(mark, again=True) if isinstance(mark, BeginTurn) else mark
