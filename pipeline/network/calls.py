"""Function calls of the model, free of I/O: each is answered exactly once.

A call that the user interrupts is answered at once with a sentence that says so, because a call
without a result confuses the model. What the function returns later is dropped.
When all calls of a response are answered by their functions, the model is asked to go on.

A call may be announced again. In the same session that changes nothing. In a later session, which
knows nothing of the answer, it is answered with what the function returned; the function runs again
only if the earlier session was lost before it returned.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.events import Trace
from pipeline.network.actions import Action, SendToolResult

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

INTERRUPTED = "error: the user interrupted before this was finished"


class _Call(NamedTuple):
    call_id: str
    name: str
    arguments: str


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

    MOST_REMEMBERED = 1_000
    """Calls that are known when they are announced again. Bounds memory."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._announced: dict[str, _Call] = {}
        self._returned: dict[_Call, str] = {}

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
        call = _Call(call_id, name, arguments)
        if not self._announce(call):
            yield Trace(f"call {call_id} is announced again: it runs once")
            return
        group = self._groups.setdefault(response_id, _Group())
        if (output := self._returned.get(call)) is not None:
            yield SendToolResult(call_id, output)
        else:
            group.unanswered.add(call_id)
            yield CallTool(call_id, name, arguments)

    def unwanted(self, call_id: str, name: str, arguments: str) -> Iterator[Action]:
        """The model calls a function in a response that the user has interrupted."""
        if self._announce(_Call(call_id, name, arguments)):
            yield SendToolResult(call_id, INTERRUPTED)

    def returned(self, call_id: str, output: str) -> Iterator[Action]:
        """A function has returned; nothing happens if its call has been answered already."""
        for group in self._groups.values():
            if call_id in group.unanswered:
                group.unanswered.remove(call_id)
                _remember(self._returned, self._announced[call_id], output)
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
        self._announced.clear()

    def _announce(self, call: _Call) -> bool:
        """Return whether this session announces the call for the first time."""
        first = call.call_id not in self._announced
        _remember(self._announced, call.call_id, call)
        return first

    def _take_unanswered(self) -> list[str]:
        unanswered = list(self.unanswered)
        self._groups = {}
        return unanswered


def _remember(known: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Add to `known`; the oldest goes if there are too many."""
    known.setdefault(key, value)
    if len(known) > ToolCalls.MOST_REMEMBERED:
        del known[next(iter(known))]
