"""Reports what a new network process must know, while this one lives."""

from collections.abc import Callable
from dataclasses import replace

from pipeline.ipc.reports import ConversationMemory, Report
from pipeline.network.conversation import Conversation


class MemoryReports:
    """Reports the memory of a conversation when it has changed.

    That is after each turn, with each word that is heard, and at intervals.

    A copy of 100 turns takes about 0.1 ms.
    """

    PERIOD_S = 0.25
    """How old the words may be that another process knows of the answer that is arriving."""

    def __init__(
        self, report: Callable[[Report], None], latest_turn_start: Callable[[], int]
    ) -> None:
        self._report = report
        self._latest_turn_start = latest_turn_start
        self._due_s = 0.0
        self._latest = ConversationMemory()

    def update(self, conversation: Conversation) -> None:
        """Report at once, if something has changed."""
        memory = replace(conversation.memory(), latest_turn_start=self._latest_turn_start())
        if memory != self._latest:
            self._latest = memory
            self._report(memory)

    def tick(self, now_s: float, conversation: Conversation) -> None:
        """Report, if it is time and something has changed."""
        if now_s >= self._due_s:
            self._due_s = now_s + self.PERIOD_S
            self.update(conversation)
