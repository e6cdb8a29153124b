"""Replies by rule: to the user's last remark, to a function's output, or by a function call."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from pipeline.emulator.replies.rules import Replier
from pipeline.emulator.replies.source import FunctionCall, Prompt
from pipeline.emulator.replies.tool_calls import pick_calls, spoken
from pipeline.emulator.wire.events import Event

_GREETING = "Hello"
"""What is answered if an answer is wanted before anything was said."""


@dataclass(frozen=True, slots=True)
class RuleReplies:
    """Answers the last remark by rule, or by a call if one of the tools fits it."""

    replier: Replier

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str | FunctionCall, None]:
        if outputs := prompt.returned:
            yield spoken(outputs)
            return
        remark = _GREETING if prompt.remark is None else prompt.remark
        for part in _calls(prompt.settings, remark) or self.replier.reply(remark):
            yield part


def _calls(settings: Event, remark: str) -> list[FunctionCall]:
    calls = pick_calls(settings["tools"], settings["tool_choice"], remark)
    return calls if settings["parallel_tool_calls"] else calls[:1]
