"""Answers, one at a time: words and sound are made a little ahead and sent at a measured pace."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice

from pipeline.offline.conversation import Conversation, Item
from pipeline.offline.engine import Engine, RecognitionUnavailableError
from pipeline.offline.outbox import Outbox
from pipeline.offline.replier import Replier
from pipeline.offline.response import Response
from pipeline.offline.speakable import clauses
from pipeline.offline.tools import pick_calls, spoken
from pipeline.offline.wire import ClientError, Event
from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.samples import Samples

DELTA_SAMPLES = SAMPLE_RATE_HZ * 300 // 1_000
TIMES_REAL_TIME = 16
"""Recorded answers of the real service arrive about this much faster than they sound."""
_CLAUSES_AHEAD = 2
_MOST_UNSENT = 16

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Heard:
    """A user's turn, with its words still to be found."""

    item: Item
    words: "asyncio.Task[str]"
    may_be_told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the protocol's order lets the client know the words."""
    told: "asyncio.Task[None] | None" = None


@dataclass(frozen=True, slots=True)
class Returned:
    """What the client's functions returned, to be told in words."""

    outputs: list[str]


Remark = Heard | Returned | str


@dataclass(slots=True)
class _Answer:
    response: Response
    remark: Remark
    generation: "asyncio.Task[None]"
    cancelled_for: str | None = None


class Answering:
    """At most one answer is active, from `response.created` to `response.done`."""

    def __init__(
        self, engine: Engine, replier: Replier, conversation: Conversation, outbox: Outbox
    ) -> None:
        self._engine = engine
        self._replier = replier
        self._conversation = conversation
        self._outbox = outbox
        self._current: _Answer | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._waiting: tuple[Event, Heard] | None = None
        self._unavailable = ""

    def answer(self, settings: Event, remark: Remark) -> None:
        """Begin to answer; raise `ClientError` if an answer is active."""
        if self._current is not None:
            raise ClientError(
                "conversation_already_has_active_response",
                f"The response {self._current.response.id} is active: "
                "wait until it is done, or cancel it.",
            )
        response = Response(settings, self._conversation)
        self._outbox.put(response.created())
        generation = asyncio.create_task(self._generate(response, settings, remark))
        self._current = _Answer(response, remark, generation)
        self._finishing = asyncio.create_task(self._finish(self._current))

    def answer_next(self, settings: Event, heard: Heard) -> None:
        """Answer at once, or after the active answer; the newest remark is the one that counts."""
        if self._current is None:
            self.answer(settings, heard)
            return
        if self._waiting is not None:
            self._waiting[1].may_be_told.set()
        self._waiting = settings, heard

    def cancel(self, reason: str, response_id: str | None = None) -> bool:
        """Stop the active answer, if there is one (with that id); return whether there was."""
        current = self._current
        if current is None or current.generation.done() or current.cancelled_for is not None:
            return False
        if response_id not in (None, current.response.id):
            return False
        current.cancelled_for = reason
        current.generation.cancel()
        return True

    async def close(self) -> None:
        """Stop everything without another event."""
        self._waiting = None
        if self._current is not None and self._finishing is not None:
            self._finishing.cancel()
            self._current.generation.cancel()
            await asyncio.wait({self._finishing, self._current.generation})

    async def _finish(self, answer: _Answer) -> None:
        """See an answer through to its last event, then begin the next."""
        await asyncio.wait({answer.generation})
        self._outbox.put(*answer.response.finish(*_outcome(answer)))
        if isinstance(answer.remark, Heard):
            answer.remark.may_be_told.set()
            if answer.remark.told is not None:
                await asyncio.wait({answer.remark.told})
        self._outbox.put(answer.response.done())
        self._current = None
        if self._waiting is not None:
            (settings, heard), self._waiting = self._waiting, None
            self.answer(settings, heard)

    async def _generate(self, response: Response, settings: Event, remark: Remark) -> None:
        if isinstance(remark, Returned):
            words = iter([spoken(remark.outputs)])
        else:
            text = await self._text(remark)
            calls = pick_calls(settings["tools"], settings["tool_choice"], text or "")
            for call in calls:
                self._outbox.put(*response.call(call.name, call.arguments))
            if calls:
                return
            words = self._replier.reply(text) if text is not None else iter([self._unavailable])
        if response.speaks:
            await self._send_speech(response, remark, words)
        else:
            await self._send_text(response, words)

    async def _send_text(self, response: Response, words: Iterable[str]) -> None:
        self._outbox.put(*response.begin())
        for word in words:
            await self._outbox.wait_for_room(_MOST_UNSENT)
            self._outbox.put(response.words(word))
            await asyncio.sleep(0)

    async def _send_speech(self, response: Response, remark: Remark, words: Iterable[str]) -> None:
        pace = _Pace()
        async with aclosing(self._spoken(clauses(words))) as spoken:
            async for clause, sound in spoken:
                if not response.begun:
                    self._outbox.put(*response.begin())
                for text, samples in deltas(clause, sound):
                    await self._outbox.wait_for_room(_MOST_UNSENT)
                    if text:
                        self._outbox.put(response.words(text))
                    if samples.size:
                        self._outbox.put(response.sound(samples))
                    if isinstance(remark, Heard):
                        remark.may_be_told.set()
                    await pace.wait(samples.size)

    async def _text(self, remark: Heard | str) -> str | None:
        """What was said; None if nothing can be recognised on this machine."""
        if isinstance(remark, str):
            return remark
        try:
            return await asyncio.shield(remark.words)
        except RecognitionUnavailableError as error:
            self._unavailable = str(error)
            return None

    async def _spoken(self, parts: Iterable[str]) -> AsyncGenerator[tuple[str, Samples], None]:
        """Yield each clause with its sound, while the next ones are being made.

        The first has the processor to itself: the user is waiting for it.
        """
        remaining = iter(parts)
        ahead: deque[tuple[str, asyncio.Task[Samples]]] = deque()

        def begin(count: int) -> None:
            for clause in islice(remaining, count):
                ahead.append((clause, asyncio.create_task(self._engine.say(clause))))

        begin(1)
        try:
            while ahead:
                clause, making = ahead[0]
                sound = await making
                ahead.popleft()
                begin(_CLAUSES_AHEAD - len(ahead))
                yield clause, sound
        finally:
            for _, making in ahead:
                making.cancel()


class _Pace:
    """Sends sound at most `TIMES_REAL_TIME` faster than it is heard."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._due_s = self._clock()

    async def wait(self, samples: int) -> None:
        """Wait for as long as `samples` may take, less the time already lost."""
        now_s = self._clock()
        self._due_s = max(self._due_s, now_s) + samples / SAMPLE_RATE_HZ / TIMES_REAL_TIME
        await asyncio.sleep(self._due_s - now_s)


def deltas(clause: str, sound: Samples) -> Iterator[tuple[str, Samples]]:
    """Cut a clause into pieces of sound, each with the words that begin in it."""
    count = max(1, -(-sound.size // DELTA_SAMPLES))
    words = [f"{word} " for word in clause.split(" ")]
    words[-1] = words[-1][:-1]
    for index in range(count):
        first, last = (-(-len(words) * edge // count) for edge in (index, index + 1))
        samples = sound[index * DELTA_SAMPLES : (index + 1) * DELTA_SAMPLES]
        yield "".join(words[first:last]), samples


def _outcome(answer: _Answer) -> tuple[str, Event | None]:
    """Return the status of an answer that has ended, and its details."""
    if answer.generation.cancelled():
        return "cancelled", {"type": "cancelled", "reason": answer.cancelled_for}
    if (error := answer.generation.exception()) is not None:
        _log.error("an answer failed", exc_info=error)
        message = "The service could not make an answer."
        fault = {"type": "server_error", "code": "server_error", "message": message}
        return "failed", {"type": "failed", "error": fault}
    return "completed", None
