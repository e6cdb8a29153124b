"""Replies by rule: to the user's last remark, by a function call, or to a function's output."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from pipeline.emulator.replies.rules import Replier
from pipeline.emulator.replies.source import FunctionCall, Prompt
from pipeline.emulator.replies.tool_calls import pick_calls, spoken
from pipeline.emulator.wire.events import Event

_GREETING = "Hello"
"""The remark that is answered if the user has not said anything."""


@dataclass(frozen=True, slots=True)
class RuleReplies:
    """Answers the last remark by rule, or by a call if it fits one of the tools."""

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
