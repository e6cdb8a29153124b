"""A connection that ends in the middle of an answer: the person and the exit code are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.process.test_serve import printed
from tests.support.program import Program


def events(program: Program, kind: str) -> list[dict[str, Any]]:
    every = map(json.loads, program.out.splitlines())
    return [event for event in every if event["event"] == kind]


@pytest.mark.parametrize("drop", ["abort", "close"])
def test_the_rest_of_an_answer_is_not_lost_without_a_word(
    drop: str, speech_dir: Path, tmp_path: Path
) -> None:
    """The service answers for longer than it holds a connection."""
    faults = ("--burst", "1", "--drop-after-s", "5", "--drop", drop)
    question = speech_dir / "az_whatstheweatherlike.wav"
    with Program("serve", *faults, cwd=tmp_path) as service:
        endpoint, key = printed(service, "endpoint"), printed(service, "key")
        arguments = ("--endpoint", endpoint, "--api-key", key, "--input", question, "--json-events")
        with Program("run", *arguments, cwd=tmp_path) as program:
            assert program.wait_exit() == 1, program.said
            program.wait_gone()
            assert program.err == "error: The service did not answer all that was said.\n"
            (done,) = events(program, "assistant_done")
            assert done["text"]
            assert done["cut"]
            assert done["broken_off"]
            notices = [event["message"] for event in events(program, "notice")]
            told = "The connection ended in the middle of an answer: the rest of it is missing."
            assert notices.count(told) == 1
            (finished,) = events(program, "finished")
            assert not finished["answered"]
        service.interrupt()
        service.wait_exit()
