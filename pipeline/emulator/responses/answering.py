"""Which answer comes when: one at a time in the conversation, and how each of them ended."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.replies.source import Prompt, Replies, ReplyCutError, ReplyFailedError
from pipeline.emulator.replies.tool_calls import FunctionCall
from pipeline.emulator.responses.delivery import TIMES_REAL_TIME, Delivery
from pipeline.emulator.responses.playback import Playback
from pipeline.emulator.responses.response import Response
from pipeline.emulator.responses.speculation import Speculation
from pipeline.emulator.session.configuration import ResponseOptions
from pipeline.emulator.speech.engine import Engine, RecognitionUnavailableError
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import ClientError, Event, event

_MOST_OUT_OF_BAND = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is to be answered, and how. `items` are None if they are the conversation."""

    options: ResponseOptions
    heard: UserTurn | None
    items: tuple[Item, ...] | None = None
    is_automatic: bool = False
    """Whether a turn brought it about. A later turn may take its place."""
    cancelled_for: str | None = None
    """Why it ends as soon as it begins."""


@dataclass(slots=True)
class _Answer:
    response: Response
    heard: UserTurn | None
    generation: "asyncio.Task[None]"
    finishing: "asyncio.Task[None] | None" = None
    cancelled_for: str | None = None


class Answering:
    """In the conversation one answer is active at most, from `response.created` to `response.done`.

    Beside it may be a few that are no part of the conversation.
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
        self._current: _Answer | None = None
        self._out_of_band: list[_Answer] = []
        self._waiting: deque[_Request] = deque()

    def answer(
        self,
        options: ResponseOptions,
        heard: UserTurn | None = None,
        *,
        chosen: Sequence[Item] | None = None,
        appended: Sequence[Item] = (),
    ) -> None:
        """Begin to answer; raise `ClientError` if that cannot be.

        :param heard: the user's last turn, if its words may still be unknown
        :param chosen: what is answered instead of the conversation
        :param appended: what comes after that
        """
        self.check_free(options)
        request = _Request(options, heard, self._items(options, chosen, appended))
        if self._current is None or options.is_out_of_band:
            self._begin(request)
        else:
            self.cancel("client_cancelled")
            self._waiting.append(request)

    def answer_next(self, options: ResponseOptions, heard: UserTurn) -> None:
        """Answer at once, or after the active answer; the newest remark is the one that counts."""
        request = _Request(options, heard, is_automatic=True)
        if self._current is None:
            self._begin(request)
            return
        if self._waiting and self._waiting[-1].is_automatic:
            late = self._waiting.pop()
            if late.heard is not None:
                late.heard.may_be_reported.set()
        self._waiting.append(request)

    def speculate(self, options: ResponseOptions, words: "asyncio.Task[str]") -> None:
        """The user pauses: prepare for a turn with these words, if no answer is active."""
        if self._current is None and options.speaks:
            self._speculation.begin(options.settings, self._conversation.items, words)

    def drop_speculation(self) -> None:
        """The user goes on."""
        self._speculation.drop()

    def cancel(self, reason: str, response_id: str | None = None) -> bool:
        """Stop the active answer and what waits for its end, or the answer with that id.

        Returns whether there was one.
        """
        waited = response_id is None and self._cancel_waiting(reason)
        active = [self._current] if self._current is not None else []
        if response_id is not None:
            active = [
                answer
                for answer in (*active, *self._out_of_band)
                if answer.response.id == response_id
            ]
        for answer in active:
            if not answer.generation.done() and answer.cancelled_for is None:
                answer.cancelled_for = reason
                answer.generation.cancel()
                return True
        return waited

    def _cancel_waiting(self, reason: str) -> bool:
        """Nobody was told of answers to turns; those that a client wants begin and end at once."""
        requests, self._waiting = self._waiting, deque()
        for request in requests:
            if not request.is_automatic:
                self._waiting.append(replace(request, cancelled_for=reason))
            elif request.heard is not None:
                request.heard.may_be_reported.set()
        return bool(requests)

    async def close(self) -> None:
        """Stop everything without another event."""
        self._speculation.drop()
        self._waiting.clear()
        tasks = []
        for answer in (self._current, *self._out_of_band):
            if answer is not None and answer.finishing is not None:
                tasks += [answer.finishing, answer.generation]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def check_free(self, options: ResponseOptions) -> None:
        """Raise `ClientError` if no such answer can begin now."""
        if options.is_out_of_band:
            if len(self._out_of_band) >= _MOST_OUT_OF_BAND:
                raise ClientError(
                    "conversation_already_has_active_response",
                    f"{_MOST_OUT_OF_BAND} responses outside of the conversation are active.",
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
        """Return what is answered instead of the conversation as it will be, if anything."""
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
        answer = _Answer(response, request.heard, generation)
        if request.options.is_out_of_band:
            self._out_of_band.append(answer)
        else:
            self._current = answer
        answer.finishing = asyncio.create_task(self._finish(answer))

    async def _finish(self, answer: _Answer) -> None:
        """See an answer through to its last event, then begin the next."""
        await asyncio.wait({answer.generation})
        self._sink.put(*answer.response.finish(*_outcome(answer)))
        if answer.heard is not None:
            answer.heard.may_be_reported.set()
            if answer.heard.reporting is not None:
                await asyncio.wait({answer.heard.reporting})
        self._sink.put(answer.response.done())
        if answer is not self._current:
            self._out_of_band.remove(answer)
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
        begun = request.heard.may_be_reported if request.heard is not None else None
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


def _outcome(answer: _Answer) -> tuple[str, Event | None]:
    """Return the status of an answer that has ended, and its details."""
    if answer.generation.cancelled():
        return "cancelled", {"type": "cancelled", "reason": answer.cancelled_for}
    error = answer.generation.exception()
    if isinstance(error, ReplyCutError):
        return "incomplete", {"type": "incomplete", "reason": error.reason}
    if isinstance(error, ReplyFailedError):
        return _failed(error.code, str(error))
    if error is not None:
        _log.error("an answer failed", exc_info=error)
        return _failed("server_error", "The service could not make an answer.")
    return "completed", None


def _failed(code: str, message: str) -> tuple[str, Event]:
    fault = {"type": "server_error", "code": code, "message": message}
    return "failed", {"type": "failed", "error": fault}
