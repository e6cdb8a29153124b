"""What `bench ears` asks of the offline service, without the service."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pipeline.bench.ears.voices import OfflineVoice, _Session
from pipeline.config.settings import Settings
from pipeline.errors import ProcessDiedError
from pipeline.ipc.events import Trace
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report

KIND = "conversation.item.input_audio_transcription"


class FailedChildren:
    """Children of which one has failed, after 250 reports."""

    def __init__(self) -> None:
        self._left = 250

    def reports(self, timeout_s: float) -> Iterator[Report]:
        assert timeout_s == 0
        for _ in range(100):
            if not self._left:
                raise ProcessDiedError("The offline service failed.")
            self._left -= 1
            yield Trace("of a flood")


def test_a_failure_behind_many_reports_is_raised() -> None:
    children = cast("ChildProcesses", FailedChildren())
    voice = OfflineVoice(Settings(endpoint="ws://127.0.0.1:1"), children)  # nothing listens there
    with pytest.raises(ProcessDiedError, match="The offline service failed"):
        voice.say("Hello.")


class Socket:
    """A connection over which these events come."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self._events = events

    async def send_str(self, text: str) -> None:
        assert json.loads(text)["type"]

    async def __aiter__(self) -> AsyncIterator[SimpleNamespace]:
        for event in self._events:
            yield SimpleNamespace(data=json.dumps(event))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"type": f"{KIND}.completed", "transcript": "Hello."}, "Hello."),
        ({"type": f"{KIND}.failed", "error": {"code": "recognition_unavailable"}}, ""),
    ],
)
def test_the_words_of_a_recording(event: dict[str, Any], text: str) -> None:
    session = _Session(cast("Any", Socket({"type": "input_audio_buffer.committed"}, event)))
    assert asyncio.run(session.transcript(np.zeros(10, np.int16))) == text
