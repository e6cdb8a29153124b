"""What the person has been shown of the conversation, free of I/O."""

from collections.abc import Iterator

from pipeline.ipc.reports import AssistantDone, AssistantSaid, Ready, Report


class Display:
    """Decides when a line of the answer's words ends, and when "Ready" is shown.

    "Ready" follows something that kept the person waiting: the start of a session has a report
    of its own.
    """

    def __init__(self) -> None:
        self._line_open = False
        self._ready_due = False

    def words(self, text: str) -> Iterator[Report]:
        """Show the next piece of an answer's words."""
        self._line_open = True
        yield AssistantSaid(text)

    def end_words(self) -> Iterator[Report]:
        """End the line of words, if one is open."""
        if self._line_open:
            self._line_open = False
            yield AssistantDone()

    def busy(self) -> None:
        """Something begins at whose end "Ready" is to be shown."""
        self._ready_due = True

    def rest(self) -> Iterator[Report]:
        """Everything has come to rest: show "Ready", once."""
        if self._ready_due:
            self._ready_due = False
            yield Ready()
