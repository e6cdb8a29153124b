"""Text of any kind passes through the whole program, to any standard output, and harms nothing."""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.support.answers import positive
from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav

TOOL = '''
import logging


def echo(text: str) -> str:
    """Give the text back, and a face in two halves."""
    print(text, "\\x1b[2J\\x1b]0;tool\\x07")
    logging.error("%d of \\x1b[31m", "not a number")
    logging.error("logged \\x1b[31m\\ud83d")
    return text + "\\ud83d\\ude00"
'''
HIGH, LOW, GRIN = "\ud83d", "\ude00", "\U0001f600"
STEERING = "\x1b[2J\x1b]0;gone\x07\x9b31m\u202e\b"
ANSWER = positive(0.3, seed=1)
NOT_EVENTS: list[str | bytes] = [
    "",
    "[" * 100_000,
    '{"a":' * 100_000,
    b"",
    b"\x00\xff",
    "NaN",
    '{"type": 1}',
]


async def text_of_any_kind(session: ScriptedSession, number: int) -> None:
    if number > 1:
        return  # the next session is only told what was said
    await session.wait_for(lambda: session.heard)
    for frame in NOT_EVENTS:
        await session.send_raw(frame)
    for n in range(300):
        error = {"code": f"{STEERING}odd", "message": f"{HIGH}{STEERING} number {n}"}
        await session.send("error", error=error)
    await session.speech_stopped()
    said = {"item_id": "user", "transcript": f"Hello {LOW}{STEERING}{GRIN}"}
    await session.send("conversation.item.input_audio_transcription.completed", **said)
    await session.start_answer("calling")
    call = {"response_id": "calling", "call_id": "c1", "name": "echo"}
    arguments = json.dumps({"text": f"one {HIGH} two"}, ensure_ascii=False)
    await session.send("response.function_call_arguments.done", **call, arguments=arguments)
    await session.end_answer("calling", "nothing")
    await session.wait_for(lambda: session.count("response.create"))
    await session.start_answer("answer")
    for delta in ("Caf\u00e9 \u4eca ", HIGH, f"{LOW}\u2026", f"{STEERING}end{HIGH}"):
        await session.send("response.audio_transcript.delta", response_id="answer", delta=delta)
    await session.say("answer", "item", ANSWER.tobytes())
    await session.send("response.audio_transcript.done", response_id="answer")
    await session.end_answer("answer", "item")
    await session.close()


@pytest.mark.parametrize(
    ("encoding", "first"), [("ascii", ""), ("cp1252", "exec >&- 2>/dev/full <&-")]
)
def test_text_of_any_kind(tmp_path: Path, encoding: str, first: str) -> None:
    if first and sys.platform != "linux":
        pytest.skip("this system has no full device")
    tools = tmp_path / "tools.py"
    tools.write_text(TOOL)

    async def script(session: ScriptedSession) -> None:
        await text_of_any_kind(session, len(service.sessions))

    with (
        ScriptedService(script) as service,
        run_on_files(
            service,
            tmp_path,
            noise(0.2, -9, 9, seed=1),
            *("--tools", tools),
            environment={"PYTHONIOENCODING": encoding},
            first=first,
        ) as program,
    ):
        assert program.wait_exit() == 0, program.said
        assert not program.err
        if not first:
            check_shown(program.out)
        check_told(*service.sessions)
    recorded = read_wav(tmp_path / "heard.wav")
    assert np.array_equal(recorded[recorded != 0], ANSWER)


def check_shown(out: str) -> None:
    """Check what the person sees."""
    assert out.isascii()
    assert not {*"\x1b\x07\b"} & {*out}
    shown = Counter(out.splitlines())
    assert shown[r"Assistant: Caf\xe9 \u4eca \U0001f600...end\ufffd"] == 1, out
    assert shown[r"You: Hello \ufffd\U0001f600"] == 1, out
    assert shown[r"tool | one \ufffd two "] == 1, out
    errors = [line for line in shown if line.startswith("The service reports odd: ")]
    assert errors[0] == r"The service reports odd: \ufffd number 0"
    assert errors[1] == r"The service reports odd: \ufffd number 299 (299 more times)"
    assert len(errors) == 2
    assert 3 <= sum("sent something unreadable" in line for line in shown) <= len(NOT_EVENTS) + 2


def check_told(first: ScriptedSession, second: ScriptedSession) -> None:
    """Check what the service is told."""
    items = [e["item"] for e in first.received if e["type"] == "conversation.item.create"]
    assert [json.loads(item["output"]) for item in items] == [f"one � two{GRIN}"]
    history = [e["item"] for e in second.received if e["type"] == "conversation.item.create"]
    told = [item["content"][0]["text"] for item in history]
    assert told == [f"Hello �{STEERING}{GRIN}", f"Café 今 😀…{STEERING}end�"]
