"""Words on the screen against words in the loudspeaker, over interruptions at random moments.

The words of an answer have known times. The sound of each answer that follows one that was heard
has the other sign, so the recording shows how much of each answer has sounded.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.support.answers import end_cancelled, positive
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples, noise, read_wav

INTERRUPTIONS = 20
WORDS = 21
WORD_MS = 80
WORD_SAMPLES = 24 * WORD_MS
TRUNCATE, DELETE = "conversation.item.truncate", "conversation.item.delete"
SOUND = positive(WORDS * WORD_MS / 1_000, seed=2)


async def say_words(session: ScriptedSession, number: int) -> None:
    """Send an answer: each word, its time, and the sound in deltas of three words."""
    place = {"response_id": f"r{number}", "item_id": f"item_r{number}"}
    await session.start_answer(f"r{number}")
    sound = -SOUND if session.count(TRUNCATE) % 2 else SOUND
    for word in range(WORDS):
        await session.send("response.audio_transcript.delta", **place, delta=f"word{word} ")
        await session.send(
            "response.audio_timestamp.delta",
            **place,
            text=f"word{word}",
            audio_offset_ms=word * WORD_MS,
            audio_duration_ms=WORD_MS,
            timestamp_type="word",
        )
        if word % 3 == 2:
            delta = sound[(word - 2) * WORD_SAMPLES :][: 3 * WORD_SAMPLES]
            await session.say(place["response_id"], place["item_id"], delta.tobytes())


async def interrupted_at_random(session: ScriptedSession) -> None:
    random = Random(15)
    for number in range(1, INTERRUPTIONS + 1):
        await say_words(session, number)
        await asyncio.sleep(random.uniform(0.02, 0.6))
        await session.speech_started()
        await session.wait_for(
            lambda: session.count(TRUNCATE) + session.count(DELETE) == number  # noqa: B023
        )
        await end_cancelled(session, f"r{number}")
        await session.speech_stopped()
    number = INTERRUPTIONS + 1
    await say_words(session, number)
    await session.end_answer(f"r{number}", f"item_r{number}")


def shown_answers(events: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The words that were shown of each answer, and the event of its end."""
    shown = ""
    for event in events:
        if event["event"] == "assistant_said":
            shown += event["text"]
        elif event["event"] == "assistant_done":
            yield shown, event
            shown = ""


def samples_of_answers(recorded: Samples) -> list[int]:
    """How many samples of each answer have sounded; the signs alternate."""
    signs = np.sign(recorded[recorded != 0])
    starts = np.flatnonzero(np.diff(signs)) + 1
    return [len(part) for part in np.split(signs, starts)]


def test_no_word_is_shown_before_it_sounds_and_none_that_sounded_is_missing(
    tmp_path: Path,
) -> None:
    with (
        ScriptedService(interrupted_at_random) as service,
        run_on_files(service, tmp_path, noise(0.2, -9, 9, seed=1), "--json-events") as program,
    ):
        ends = INTERRUPTIONS + 1
        program.wait_until(lambda: program.out.count('"assistant_done"') == ends)
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        answers = list(shown_answers([json.loads(line) for line in program.out.splitlines()]))
    assert len(answers) == INTERRUPTIONS + 1
    (session,) = service.sessions
    unheard = {event["item_id"] for event in session.received if event["type"] == DELETE}
    assert len(unheard) < INTERRUPTIONS // 2
    heard = samples_of_answers(read_wav(tmp_path / HEARD))
    for number, (shown, done) in enumerate(answers, start=1):
        samples = 0 if f"item_r{number}" in unheard else heard.pop(0)
        sounded = samples // WORD_SAMPLES
        assert sounded <= len(shown.split()) <= sounded + 1, (shown, samples)
        assert done["text"] == shown
        assert (done["text"] + done["unheard"]).split() == [f"word{n}" for n in range(WORDS)]
    assert not heard
    assert [done["cut"] for _, done in answers] == [True] * INTERRUPTIONS + [False]
    assert answers[-1][0].split() == [f"word{n}" for n in range(WORDS)]
