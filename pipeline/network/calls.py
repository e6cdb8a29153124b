"""Function calls of the model, free of I/O: each is answered exactly once.

A call that the user interrupts is answered at once with a sentence that says so, because a call
without a result confuses the model. What the function returns later is dropped.
When all calls of a response are answered by their functions, the model is asked to go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.network.actions import Action, SendToolResult

INTERRUPTED = "error: the user interrupted before this was finished"


@dataclass(slots=True)
class _Group:
    """The calls of one response."""

    unanswered: set[str] = field(default_factory=set)
    response_finished: bool = False

    @property
    def complete(self) -> bool:
        return self.response_finished and not self.unanswered


class ToolCalls:
    """The calls that are not answered yet, or whose response goes on."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}

    @property
    def waiting(self) -> bool:
        """Whether any call is unanswered, or its response not finished."""
        return bool(self._groups)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Ids of the calls whose functions have not returned."""
        return tuple(id_ for group in self._groups.values() for id_ in sorted(group.unanswered))

    def requested(
        self, response_id: str, call_id: str, name: str, arguments: str
    ) -> Iterator[Action]:
        """The model calls a function in a response that is still wanted."""
        self._groups.setdefault(response_id, _Group()).unanswered.add(call_id)
        yield CallTool(call_id, name, arguments)

    def returned(self, call_id: str, output: str) -> Iterator[Action]:
        """A function has returned; nothing happens if its call has been answered already."""
        for group in self._groups.values():
            if call_id in group.unanswered:
                group.unanswered.remove(call_id)
                yield SendToolResult(call_id, output)

    def response_finished(self, response_id: str) -> None:
        if group := self._groups.get(response_id):
            group.response_finished = True

    def take_complete(self) -> bool:
        """Return whether all calls of a response have been answered since the last time."""
        complete = [id_ for id_, group in self._groups.items() if group.complete]
        for response_id in complete:
            del self._groups[response_id]
        return bool(complete)

    def interrupt(self) -> Iterator[Action]:
        """Answer all calls with `INTERRUPTED`: the user does not wait for them any more."""
        for call_id in self._take_unanswered():
            yield CancelTool(call_id)
            yield SendToolResult(call_id, INTERRUPTED)

    def abandon(self) -> Iterator[Action]:
        """Drop all calls without an answer: their session is gone."""
        for call_id in self._take_unanswered():
            yield CancelTool(call_id)

    def _take_unanswered(self) -> list[str]:
        unanswered = list(self.unanswered)
        self._groups = {}
        return unanswered
