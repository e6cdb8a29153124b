"""What the client tells the service besides its microphone: one queue, one sender."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import NoReturn

from azure.ai.voicelive.aio import VoiceLiveConnection
from azure.ai.voicelive.models import FunctionCallOutputItem

from pipeline.errors import ServiceClosedError
from pipeline.network.actions import (
    AddMessage,
    CancelResponse,
    ChangeSession,
    CreateResponse,
    DeleteItem,
    SendToolResult,
    ServiceAction,
    Truncate,
)
from pipeline.network.connection import SendGate
from pipeline.network.event_ids import (
    ANSWER,
    CANCELLATION,
    CHANGE,
    DELETION,
    MESSAGE,
    RESULT,
    TRUNCATION,
    event_id,
)
from pipeline.network.session import message_item, session_change


class Outbox:
    """Messages to the service in one session, sent in the order in which they were put.

    `put` never waits, so a congested connection delays neither the reading of events nor a cut.
    The order holds a function's result, and the history of an earlier session, before the request
    for the answer that uses them.

    A message is dropped when its turn to be sent has come and it is stale:

    - a request for an answer that is not due any more, because the user speaks or another
      response has begun: `release` decides, and counts the request as sent if it is due
    - everything that has not been sent when the session ends: the outbox ends with it

    Nothing else becomes stale within a session. The model remembers words that were never heard
    until they are truncated, and it is confused by a call whose result it never hears, also if
    the user has interrupted it.
    """

    MOST_WAITING = 1_000
    """Bounds memory. If more wait, the service has not read for so long that the session is lost:
    without one of these messages its memory would be wrong."""

    def __init__(self, release: Callable[[CreateResponse], bool]) -> None:
        self._release = release
        self._numbers = count(1)
        self._waiting: deque[ServiceAction] = deque()
        self._changed = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._overflowed = asyncio.Event()

    def put(self, message: ServiceAction) -> None:
        """Queue a message; if too many wait, end the session instead."""
        if len(self._waiting) >= self.MOST_WAITING:
            self._overflowed.set()
            return
        self._waiting.append(message)
        self._sent.clear()
        self._changed.set()

    async def run(self, connection: VoiceLiveConnection, gate: SendGate) -> NoReturn:
        """Send messages until cancelled.

        :raises ServiceClosedError: the connection takes no more.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                async with gate.turn():
                    message = self._waiting.popleft()
                    if not isinstance(message, CreateResponse) or self._release(message):
                        await _send(connection, message, next(self._numbers))
            self._sent.set()

    async def wait_sent(self) -> None:
        """Wait until no message waits."""
        await self._sent.wait()

    async def wait_overflow(self) -> NoReturn:
        """Wait until too many messages wait.

        :raises ServiceClosedError: then.
        """
        await self._overflowed.wait()
        raise ServiceClosedError(
            f"The service has not read what it was sent: {self.MOST_WAITING:,} messages wait."
        )


async def _send(connection: VoiceLiveConnection, message: ServiceAction, number: int) -> None:
    """Send a message; an error that it causes is known by its id, with this `number`."""
    item = connection.conversation.item
    match message:
        case Truncate(item_id, audio_end_ms):
            await item.truncate(
                item_id=item_id,
                content_index=0,
                audio_end_ms=audio_end_ms,
                event_id=event_id(TRUNCATION, number),
            )
        case DeleteItem(item_id):
            await item.delete(item_id=item_id, event_id=event_id(DELETION, number))
        case SendToolResult(call_id, output):
            result = FunctionCallOutputItem(call_id=call_id, output=output)
            await item.create(item=result, event_id=event_id(RESULT, number))
        case AddMessage(role, words):
            turn = message_item(role, words)
            await item.create(item=turn, event_id=event_id(MESSAGE, number))
        case CreateResponse():
            await connection.response.create(event_id=event_id(ANSWER, message.number))
        case CancelResponse(response_id):
            await connection.response.cancel(
                response_id=response_id, event_id=event_id(CANCELLATION, number)
            )
        case ChangeSession(instructions, voice):
            await connection.session.update(
                session=session_change(instructions, voice), event_id=event_id(CHANGE, number)
            )
