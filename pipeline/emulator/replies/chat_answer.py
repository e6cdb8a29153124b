"""A streamed chat completion, put together: text at once, calls when they are whole."""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.emulator.replies.source import FunctionCall, ReplyFailedError

_LAST = "[DONE]"


@dataclass(slots=True)
class _PartialCall:
    name: str = ""
    arguments: str = ""


class ChatAnswer:
    """Takes the data of the events of one stream."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._ended = False
        self._calls: dict[int, _PartialCall] = {}

    def take(self, data: str) -> str:
        """Return the text in `data`, maybe empty; raise `ReplyFailedError` for invalid data."""
        if data == _LAST:
            self._ended = True
            return ""
        try:
            chunk = json.loads(data)
            return self._take_chunk(chunk)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise broken("holds an event that is not a chat completion") from None

    def calls(self) -> list[FunctionCall]:
        """Return the functions to call; raise `ReplyFailedError` if the stream broke off."""
        if not self._ended and self.finish_reason is None:
            raise broken("ended in the middle")
        calls = [
            FunctionCall(call.name, call.arguments or "{}")
            for _, call in sorted(self._calls.items())
        ]
        if self.finish_reason == "length":
            return [call for call in calls if _is_json(call.arguments)]
        return calls

    def _take_chunk(self, chunk: Any) -> str:  # noqa: ANN401 - JSON
        if chunk.get("error"):
            raise ReplyFailedError("reply_endpoint_error", "The reply endpoint reports an error.")
        text = ""
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            for position, part in enumerate(delta.get("tool_calls") or []):
                self._take_call(int(part.get("index", position)), part.get("function") or {})
            text += delta.get("content") or ""
        return text

    def _take_call(self, index: int, function: dict[str, str]) -> None:
        call = self._calls.setdefault(index, _PartialCall())
        call.name = call.name or function.get("name") or ""
        call.arguments += function.get("arguments") or ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def broken(how: str) -> ReplyFailedError:
    return ReplyFailedError("reply_stream_broken", f"The reply endpoint's stream {how}.")
