"""When each response begins and ends: one at a time in the conversation, a few outside of it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.replies.source import FunctionCall, Prompt, Replies
from pipeline.emulator.responses.delivery import TIMES_REAL_TIME, Delivery
from pipeline.emulator.responses.options import ResponseOptions
from pipeline.emulator.responses.outcome import outcome
from pipeline.emulator.responses.playback import Playback
from pipeline.emulator.responses.response import Response
from pipeline.emulator.responses.speculation import Speculation
from pipeline.emulator.speech.engine import Engine, RecognitionUnavailableError
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import ClientError, event

_MOST_OUT_OF_BAND = 4


@dataclass(frozen=True, slots=True)
class _Request:
    """What is to be answered, and how. `items` are None for the conversation as it will be."""

    options: ResponseOptions
    turn: UserTurn | None
    items: tuple[Item, ...] | None = None
    is_automatic: bool = False
    """Whether a turn asked for it. A later turn may take its place."""
    cancelled_for: str | None = None
    """Why the response ends as soon as it begins."""


@dataclass(slots=True)
class _Active:
    """A response between `response.created` and `response.done`."""

    response: Response
    turn: UserTurn | None
    generation: "asyncio.Task[None]"
    finishing: "asyncio.Task[None] | None" = None
    cancelled_for: str | None = None


class ResponseScheduler:
    """The responses of one session: at most one is active in the conversation.

    A few may be active beside it that are not part of the conversation.
    """

    def __init__(
        self,
        engine: Engine,
        replies: Replies,
        conversation: ConversationHistory,
        sink: EventSink,
        times_real_time: float = TIMES_REAL_TIME,
    ) -> None:
        self._replies = replies
        self._conversation = conversation
        self._sink = sink
        self.playback = Playback(time.monotonic)
        self._speculation = Speculation(engine, replies)
        self._delivery = Delivery(self._speculation, sink, self.playback, times_real_time)
        self._current: _Active | None = None
        self._out_of_band: list[_Active] = []
        self._waiting: deque[_Request] = deque()

    def create(
        self,
        options: ResponseOptions,
        turn: UserTurn | None = None,
        *,
        chosen: Sequence[Item] | None = None,
        appended: Sequence[Item] = (),
    ) -> None:
        """Begin the response that a client asked for; raise `ClientError` if it cannot begin.

        :param turn: the user's last turn, if its words may still be unknown
        :param chosen: items that are answered instead of the conversation
        :param appended: items that are answered after these
        """
        self.check_free(options)
        request = _Request(options, turn, self._items(options, chosen, appended))
        if self._current is None or options.is_out_of_band:
            self._begin(request)
        else:
            self.cancel("client_cancelled")
            self._waiting.append(request)

    def answer_turn(self, options: ResponseOptions, turn: UserTurn) -> None:
        """Answer a turn now, or after the active response; only the newest turn is answered."""
        request = _Request(options, turn, is_automatic=True)
        if self._current is None:
            self._begin(request)
            return
        if self._waiting and self._waiting[-1].is_automatic:
            replaced = self._waiting.pop()
            if replaced.turn is not None:
                replaced.turn.may_be_reported.set()
        self._waiting.append(request)

    def speculate(self, options: ResponseOptions, words: "asyncio.Task[str]") -> None:
        """Make the beginning of the answer to `words` ahead, unless a response is active."""
        if self._current is None and options.speaks:
            self._speculation.begin(options.settings, self._conversation.items, words)

    def drop_speculation(self) -> None:
        """Drop what was made ahead: the user speaks on."""
        self._speculation.drop()

    def cancel(self, reason: str, response_id: str | None = None) -> bool:
        """Cancel the active response and those that wait for its end, or the one with that id.

        Returns whether there was one.
        """
        waited = response_id is None and self._cancel_waiting(reason)
        active = [self._current] if self._current is not None else []
        if response_id is not None:
            active = [
                each for each in (*active, *self._out_of_band) if each.response.id == response_id
            ]
        for each in active:
            if not each.generation.done() and each.cancelled_for is None:
                each.cancelled_for = reason
                each.generation.cancel()
                return True
        return waited

    def _cancel_waiting(self, reason: str) -> bool:
        """Drop automatic requests; those of the client begin in their turn and end at once."""
        requests, self._waiting = self._waiting, deque()
        for request in requests:
            if not request.is_automatic:
                self._waiting.append(replace(request, cancelled_for=reason))
            elif request.turn is not None:
                request.turn.may_be_reported.set()
        return bool(requests)

    async def close(self) -> None:
        """Stop everything without another event."""
        self._speculation.drop()
        self._waiting.clear()
        tasks = []
        for active in (self._current, *self._out_of_band):
            if active is not None and active.finishing is not None:
                tasks += [active.finishing, active.generation]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def check_free(self, options: ResponseOptions) -> None:
        """Raise `ClientError` if a response with these options cannot begin now."""
        if options.is_out_of_band:
            if len(self._out_of_band) >= _MOST_OUT_OF_BAND:
                raise ClientError(
                    "conversation_already_has_active_response",
                    f"{_MOST_OUT_OF_BAND} responses outside of the conversation are active: "
                    "wait until one is done, or cancel it.",
                )
        elif self._current is not None and (self._waiting or not options.cancels_previous):
            raise ClientError(
                "conversation_already_has_active_response",
                f"The response {self._current.response.id} is active: "
                "wait until it is done, or cancel it.",
            )

    def _items(
        self, options: ResponseOptions, chosen: Sequence[Item] | None, appended: Sequence[Item]
    ) -> tuple[Item, ...] | None:
        """Return the items to answer, or None to answer the conversation as it will be then.

        Items appended to a response of the conversation become part of the conversation.
        """
        if options.is_out_of_band:
            return (*(self._conversation.items if chosen is None else chosen), *appended)
        self._conversation.check_new(appended)
        for item in appended:
            previous_id = self._conversation.add(item)
            self._sink.put(
                event("conversation.item.created", previous_item_id=previous_id, item=item.wire)
            )
        return None if chosen is None else (*chosen, *appended)

    def _begin(self, request: _Request) -> None:
        items = self._conversation.items if request.items is None else request.items
        response = Response(request.options, self._conversation, items)
        self._sink.put(response.created())
        generation = asyncio.create_task(self._generate(response, request, items))
        active = _Active(response, request.turn, generation)
        if request.options.is_out_of_band:
            self._out_of_band.append(active)
        else:
            self._current = active
        active.finishing = asyncio.create_task(self._finish(active))

    async def _finish(self, active: _Active) -> None:
        """Send the last events of a response once it is made, then begin the next one."""
        await asyncio.wait({active.generation})
        status, details = outcome(active.generation, active.cancelled_for)
        self._sink.put(*active.response.finish(status, details))
        if active.turn is not None:
            active.turn.may_be_reported.set()
            if active.turn.reporting is not None:
                await asyncio.wait({active.turn.reporting})
        self._sink.put(active.response.done())
        if active is not self._current:
            self._out_of_band.remove(active)
            return
        self._current = None
        if self._waiting:
            request = self._waiting.popleft()
            self._begin(request)
            if request.cancelled_for is not None:
                self.cancel(request.cancelled_for)

    async def _generate(
        self, response: Response, request: _Request, items: tuple[Item, ...]
    ) -> None:
        begun = request.turn.may_be_reported if request.turn is not None else None
        async with aclosing(self._reply(request, items)) as reply:
            await self._delivery.deliver(reply, response, begun)

    async def _reply(
        self, request: _Request, items: tuple[Item, ...]
    ) -> AsyncGenerator[str | FunctionCall, None]:
        if request.options.said is not None:
            yield request.options.said
            return
        try:
            for item in items:
                await item.understood()
        except RecognitionUnavailableError as error:
            yield str(error)
            return
        async with aclosing(self._replies.reply(Prompt(request.options.settings, items))) as reply:
            async for part in reply:
                yield part
