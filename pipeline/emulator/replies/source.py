"""What is to be answered, and who finds the words: the interface of every source of replies."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from pipeline.emulator.conversation.items import Item
from pipeline.emulator.wire.events import Event


class ReplyFailedError(Exception):
    """No reply can be had. The response fails; the client is told the code and the sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ReplyCutError(Exception):
    """The reply ends before it is complete, for a reason such as ``content_filter``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function to call; `arguments` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation in want of an answer.

    `settings` is the session object with the overrides of this response: `instructions`, `tools`,
    `tool_choice`, `temperature` and so on. `items` are the conversation as this response sees it,
    oldest first; the words of every spoken turn are known by now.
    """

    settings: Event
    items: tuple[Item, ...]

    @property
    def remark(self) -> str | None:
        """What the user said last; None if nothing was ever said."""
        return next((item.text for item in reversed(self.items) if item.is_from_user), None)

    @property
    def returned(self) -> list[str]:
        """What functions returned since the last words of anybody, oldest first."""
        outputs = []
        for item in reversed(self.items):
            if item.wire["type"] == "function_call_output":
                outputs.append(str(item.wire["output"]))
            elif item.wire["type"] == "message":
                break
        return outputs[::-1]


class Replies(Protocol):
    """A source of replies, shared by all sessions."""

    def reply(self, prompt: Prompt) -> AsyncGenerator[str | FunctionCall, None]:
        """Yield words as they are found, and the calls that the answer needs.

        Joined, the strings are the whole text: each word comes with the space before it. Whoever
        reads may close the generator at any time. Raises `ReplyFailedError`, `ReplyCutError`.
        """
        ...


@dataclass(frozen=True, slots=True)
class SlowReplies:
    """The same answers, each thought over for `thinking_s` first."""

    replies: Replies
    thinking_s: float

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str | FunctionCall, None]:
        await asyncio.sleep(self.thinking_s)
        async with aclosing(self.replies.reply(prompt)) as reply:
            async for part in reply:
                yield part
