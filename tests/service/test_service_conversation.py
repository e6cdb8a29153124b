"""Whole turns by the unmodified SDK over a real socket, with real speech."""

from pathlib import Path

import numpy as np
import pytest
import soxr

from pipeline.audio.selection import SAMPLE_WAV
from pipeline.bench.ears.words import word_errors, words_of
from pipeline.emulator.sample import SCRIPT
from pipeline.emulator.speech.recogniser import Recogniser
from tests.service.client import (
    SERVER_VAD,
    TRANSCRIBED,
    Client,
    read_wav,
    sample_sentences,
    talk,
)
from tests.service.conversations import AUTOMATIC

SUM = SCRIPT[0][1]


@pytest.fixture(autouse=True)
def _can_recognise(recogniser: Recogniser) -> None:
    """These need words."""


def test_a_recorded_question_is_understood_and_answered(port: int, speech_dir: Path) -> None:
    speech, rate_hz = read_wav(speech_dir / "az_whatstheweatherlike.wav")

    async def ask(client: Client) -> None:
        await client.say(speech, rate_hz=rate_hz)
        await client.until("response.done")

    client = talk(port, ask, input_audio_sampling_rate=rate_hz, **AUTOMATIC)
    assert client.heard() == ["What's the weather like?"]
    assert "cannot know the weather" in client.of("response.audio_transcript.done")[0]["transcript"]


def test_the_answer_sounds_as_its_transcript_says(port: int, recogniser: Recogniser) -> None:
    async def ask(client: Client) -> None:
        await client.say(sample_sentences()[0])
        await client.until("response.done")

    client = talk(port, ask, **AUTOMATIC)
    assert [words_of(heard) for heard in client.heard()] == [words_of(SUM)]
    done = client.of("response.audio_transcript.done")[0]
    assert done["transcript"] == "Twelve plus thirty is forty-two."
    deltas = [event["delta"] for event in client.of("response.audio_transcript.delta")]
    assert "".join(deltas) == done["transcript"]
    sound = soxr.resample(client.answer(done["response_id"]), 24_000, 16_000)
    assert word_errors(words_of(done["transcript"]), words_of(recogniser.transcribe(sound))) <= 1


def test_an_answer_may_be_protected_from_interruption(port: int) -> None:
    """The next remark is answered after it."""
    protected = SERVER_VAD | {"interrupt_response": False}

    async def interrupt(client: Client) -> None:
        question, _, stop = sample_sentences()
        await client.say(question)
        await client.until("response.audio.delta")
        await client.say(stop)
        await client.until("response.done")
        await client.until("response.done")

    client = talk(port, interrupt, turn_detection=protected, input_audio_transcription=TRANSCRIBED)
    statuses = [event["response"]["status"] for event in client.of("response.done")]
    assert statuses == ["completed", "completed"]


def test_times_are_positions_in_the_audio(port: int) -> None:
    """A recording in one append has the same turns as one that is spoken."""
    samples, _ = read_wav(SAMPLE_WAV)

    async def listen(client: Client) -> None:
        await client.say(samples)
        for _ in SCRIPT:
            await client.until("conversation.item.input_audio_transcription.completed")
        await client.until("response.done", lambda e: e["response"]["status"] == "completed")

    client = talk(port, listen, **AUTOMATIC)
    for (_, said), heard in zip(SCRIPT, client.heard(), strict=True):
        assert word_errors(words_of(said), words_of(heard)) <= 2, (
            "at most what two words make of one"
        )
    edges = [
        event["audio_start_ms"] if "audio_start_ms" in event else event["audio_end_ms"]
        for event in client.events
        if event["type"].startswith("input_audio_buffer.speech_")
    ]
    assert edges == sorted(edges)
    starts_ms, quiet = [], np.flatnonzero(np.diff(np.flatnonzero(samples)) > 24_000)
    spoken = np.flatnonzero(samples)
    starts_ms = [int(spoken[0]) // 24, *(int(at) // 24 for at in spoken[quiet + 1])]
    assert edges[::2] == pytest.approx([start - 300 for start in starts_ms], abs=150)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_every_rate_is_understood(port: int, rate_hz: int) -> None:
    speech = soxr.resample(sample_sentences()[0], 24_000, rate_hz)

    async def ask(client: Client) -> None:
        await client.say(speech, rate_hz=rate_hz)
        await client.until("conversation.item.input_audio_transcription.completed")

    client = talk(port, ask, input_audio_sampling_rate=rate_hz, **AUTOMATIC)
    assert [words_of(heard) for heard in client.heard()] == [words_of(SUM)]


def test_semantic_detection_is_accepted_with_its_own_defaults(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.send(
            "session.update", session={"turn_detection": {"type": "azure_semantic_vad"}}
        )
        updated = await client.until("session.updated")
        assert updated["session"]["turn_detection"]["prefix_padding_ms"] == 420
        assert updated["session"]["turn_detection"]["speech_duration_ms"] == 80
        await client.say(sample_sentences()[0])
        await client.until("response.done")

    client = talk(port, ask, **AUTOMATIC)
    assert [words_of(heard) for heard in client.heard()] == [words_of(SUM)]


def test_turns_without_answers(port: int) -> None:
    async def speak(client: Client) -> None:
        await client.say(sample_sentences()[0])
        await client.until("conversation.item.input_audio_transcription.completed")
        await client.send("response.create")
        await client.until("response.done")

    quiet = SERVER_VAD | {"create_response": False}
    client = talk(port, speak, turn_detection=quiet, input_audio_transcription=TRANSCRIBED)
    told = client.order().index("conversation.item.input_audio_transcription.completed")
    assert client.order().index("response.created") > told
    answer = client.of("response.audio_transcript.done")[0]["transcript"]
    assert answer == "Twelve plus thirty is forty-two."


def test_transcription_is_sent_only_on_request(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.say(sample_sentences()[0])
        await client.until("response.done")

    client = talk(port, ask, turn_detection=SERVER_VAD)
    assert not client.heard()
