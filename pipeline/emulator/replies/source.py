"""The interface of every source of replies: a prompt in, words and function calls out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from pipeline.emulator.conversation.items import Item
from pipeline.emulator.wire.events import Event


class ReplyFailedError(Exception):
    """There is no reply. The response fails with this code and this sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ReplyCutError(Exception):
    """The reply ended before it was complete, for a reason such as ``content_filter``."""

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
    """A conversation to be answered.

    `settings` is the session object with the overrides of this response: `instructions`, `tools`,
    `tool_choice`, `temperature` and so on. `items` is the conversation as this response sees it,
    oldest first; the words of every spoken turn are known.
    """

    settings: Event
    items: tuple[Item, ...]

    @property
    def remark(self) -> str | None:
        """What the user said last; None if the user has not said anything."""
        return next((item.text for item in reversed(self.items) if item.is_from_user), None)

    @property
    def returned(self) -> list[str]:
        """The outputs of functions since the last message, oldest first."""
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
        """Yield words as they come, and the calls that the answer needs.

        Each word has the space before it: the strings joined are the text. The reader may close
        the generator at any time. Raises `ReplyFailedError`, `ReplyCutError`.
        """
        ...


@dataclass(frozen=True, slots=True)
class SlowReplies:
    """The replies of another source, each after a pause of `thinking_s`."""

    replies: Replies
    thinking_s: float

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str | FunctionCall, None]:
        await asyncio.sleep(self.thinking_s)
        async with aclosing(self.replies.reply(prompt)) as reply:
            async for part in reply:
                yield part
