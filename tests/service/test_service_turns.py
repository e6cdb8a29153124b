"""Turns that end by their words, and speech that interrupts an answer."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bench.ears.words import words_of
from pipeline.emulator.audio.g711 import A_LAW, MU_LAW
from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.sample import SCRIPT
from pipeline.emulator.speech.detector import DetectorModel
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.emulator.speech.synthesiser import Synthesiser
from pipeline.emulator.turns.endpointing import EndpointingRules, SpeechEnding, TurnEvent
from pipeline.emulator.turns.listener import Listener
from tests.service.client import (
    SERVER_VAD,
    TRANSCRIBED,
    Client,
    Samples,
    client_of,
    encoded,
    read_wav,
    sample_sentences,
    talk,
)

SEMANTIC = {"type": "azure_semantic_vad"}
LISTENING = {"create_response": False}
END_OF_UTTERANCE = {"model": "semantic_detection_v1"}
SUM, _, STOP = (sentence for _, sentence in SCRIPT)
SOME_DELTAS = 3
ATTEMPTS = 20
CLIENT_ECHO = {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}


@pytest.fixture(autouse=True)
def _can_recognise(recogniser: Recogniser) -> None:
    """These need words."""


async def append(client: Client, data: bytes) -> None:
    await client.connection.input_audio_buffer.append(audio=encoded(data))


async def all_is_heard(client: Client) -> None:
    """Wait until all appended sound is searched: other events wait for that."""
    await client.error_after("conversation.item.retrieve", item_id="none")


def edges(client: Client) -> list[int]:
    return [
        event["audio_start_ms"] if "audio_start_ms" in event else event["audio_end_ms"]
        for event in client.events
        if event["type"].startswith("input_audio_buffer.speech_")
    ]


# --- the end of an utterance ---


@pytest.mark.parametrize(
    ("detection", "turns"),
    [
        (SERVER_VAD, ["hello world", "today is a nice nice day"]),
        (SEMANTIC, ["hello world today is a nice nice day"]),
        (SEMANTIC | {"type": "azure_semantic_vad_en"}, ["hello world today is a nice nice day"]),
        (
            SERVER_VAD | {"end_of_utterance_detection": END_OF_UTTERANCE},
            ["hello world today is a nice nice day"],
        ),
        (
            SEMANTIC | {"end_of_utterance_detection": END_OF_UTTERANCE | {"timeout_ms": 0}},
            ["hello world", "today is a nice nice day"],
        ),
    ],
)
def test_a_hesitant_speaker(
    port: int, speech_dir: Path, detection: dict[str, object], turns: list[str]
) -> None:
    speech, rate_hz = read_wav(speech_dir / "az_pron.wav")

    async def listen(client: Client) -> None:
        await client.say(speech, rate_hz=rate_hz)
        for _ in turns:
            await client.until("conversation.item.input_audio_transcription.completed")
        await all_is_heard(client)

    client = talk(
        port,
        listen,
        turn_detection=detection | LISTENING,
        input_audio_transcription=TRANSCRIBED,
        input_audio_sampling_rate=rate_hz,
    )
    assert [" ".join(words_of(heard)) for heard in client.heard()] == turns


@pytest.mark.parametrize("slice_samples", [320, 1_111, 16_000])
def test_turns_by_words_are_those_of_the_audio(
    port: int, speech_dir: Path, slice_samples: int
) -> None:
    """Neither the speed nor the slices of the sound matter."""
    speech, rate_hz = read_wav(speech_dir / "az_pron.wav")
    sound = np.concatenate([speech, np.zeros(rate_hz * 2, np.int16)]).astype("<i2")

    async def listen(client: Client) -> None:
        for at in range(0, sound.size, slice_samples):
            await append(client, sound[at : at + slice_samples].tobytes())
        await all_is_heard(client)

    def told(listening: object) -> list[int]:
        return edges(
            talk(
                port,
                listening,  # type: ignore[arg-type]
                turn_detection=SEMANTIC | LISTENING,
                input_audio_sampling_rate=rate_hz,
            )
        )

    async def at_once(client: Client) -> None:
        await append(client, sound.tobytes())
        await all_is_heard(client)

    assert told(listen) == told(at_once)
    assert len(told(at_once)) == 2


def turn_events(samples: Samples, slices: list[int], model: DetectorModel) -> list[TurnEvent]:
    """Append the sound in slices; grant more time once at every ending."""
    listener = Listener(InputFormat(), EndpointingRules(), asks_for_words=True)
    events: list[TurnEvent] = []
    at = 0
    while at < samples.size:
        size = slices[len(events) % len(slices)]
        listener.append(samples[at : at + size].astype("<i2").tobytes())
        at += size
        for event in listener.turn_events(model):
            if event is not None:
                events.append(event)
            if isinstance(event, SpeechEnding):
                listener.wait_longer(300)
    return events


def test_any_slicing_has_the_same_turns() -> None:
    model = DetectorModel()
    quiet = np.zeros(24_000, np.int16)
    sound = np.concatenate([part for said in sample_sentences()[:2] for part in (said, quiet)])
    of_one_slice = turn_events(sound, [sound.size], model)
    assert of_one_slice

    @settings(max_examples=20, deadline=None)
    @given(slices=st.lists(st.integers(1, 30_000), min_size=1, max_size=8))
    def have_the_same_turns(slices: list[int]) -> None:
        assert turn_events(sound, slices, model) == of_one_slice

    have_the_same_turns()


# --- interruptions ---


def said_clearly(voice: Synthesiser, recogniser: Recogniser, text: str) -> Samples:
    """Speak again until the words are recognised: the synthesiser is random."""
    for _ in range(ATTEMPTS):
        speech = voice.say(text)
        understood = recogniser.transcribe(soxr.resample(speech, 24_000, 16_000, quality="QQ"))
        if words_of(understood) == words_of(text):
            return speech
    raise AssertionError(f"{text!r} is never understood")


async def begin_a_story(client: Client) -> None:
    await client.say(sample_sentences()[1])
    for _ in range(SOME_DELTAS):
        await client.until("response.audio.delta")
    client.events.clear()


@pytest.mark.parametrize("filler", ["Yeah.", "Okay."])
def test_a_filler_does_not_stop_an_answer(
    port: int, voice: Synthesiser, recogniser: Recogniser, filler: str
) -> None:
    sound = said_clearly(voice, recogniser, filler)

    async def listen(client: Client) -> None:
        await begin_a_story(client)
        await client.say(sound)
        await all_is_heard(client)
        assert not client.of("input_audio_buffer.speech_started")
        await client.say(sample_sentences()[2])
        await client.until("response.done")
        await client.until("response.done")

    client = talk(port, listen, turn_detection=SEMANTIC, input_audio_transcription=TRANSCRIBED)
    statuses = [event["response"]["status"] for event in client.of("response.done")]
    assert statuses == ["cancelled", "completed"]
    (heard,) = client.heard()
    assert words_of(heard)[:2] == words_of(STOP)[:2]


def test_noise_does_not_stop_an_answer(port: int) -> None:
    click = np.zeros(24_000, np.int16)
    click[:2_400] = np.random.default_rng(0).normal(0, 12_000, 2_400).astype(np.int16)

    async def listen(client: Client) -> None:
        await begin_a_story(client)
        await client.say(click)
        await all_is_heard(client)
        await client.send("response.cancel")
        await client.until("response.done")

    client = talk(port, listen, turn_detection=SEMANTIC)
    assert not client.of("input_audio_buffer.speech_started")


@pytest.mark.parametrize(
    "detection", [SERVER_VAD, SEMANTIC | {"remove_filler_words": False}], ids=["sound", "told to"]
)
def test_any_speech_may_stop_an_answer(
    port: int, voice: Synthesiser, recogniser: Recogniser, detection: dict[str, object]
) -> None:
    sound = said_clearly(voice, recogniser, "Okay.")

    async def listen(client: Client) -> None:
        await begin_a_story(client)
        await client.say(sound)
        await client.until("response.done")

    client = talk(port, listen, turn_detection=detection)
    assert len(client.of("input_audio_buffer.speech_started")) == 1
    stopped = client.of("response.done")[0]["response"]
    assert stopped["status_details"]["reason"] == "turn_detected"


def test_a_filler_is_a_turn_when_nothing_sounds(
    port: int, voice: Synthesiser, recogniser: Recogniser
) -> None:
    sound = said_clearly(voice, recogniser, "Okay.")

    async def listen(client: Client) -> None:
        await client.say(sound)
        await client.until("conversation.item.input_audio_transcription.completed")

    client = talk(
        port,
        listen,
        turn_detection=SEMANTIC | LISTENING,
        input_audio_transcription=TRANSCRIBED,
    )
    assert [words_of(heard) for heard in client.heard()] == [["okay"]]


@pytest.mark.parametrize("truncates", [True, False])
def test_auto_truncate_drops_the_unheard_words(port: int, truncates: bool) -> None:
    detection = SERVER_VAD | {"auto_truncate": truncates}

    async def interrupt(client: Client) -> None:
        await client.say(sample_sentences()[1])
        for _ in range(SOME_DELTAS):
            await client.until("response.audio.delta")
        await client.say(sample_sentences()[2])
        done = await client.until("response.done")
        item_id = done["response"]["output"][0]["id"]
        await client.send("conversation.item.retrieve", item_id=item_id)
        await client.until("conversation.item.retrieved")

    client = talk(port, interrupt, turn_detection=detection)
    said = client.of("response.audio_transcript.done")[0]["transcript"]
    known = client.of("conversation.item.retrieved")[0]["item"]["content"][0]["transcript"]
    truncated = client.of("conversation.item.truncated")
    assert [event["content_index"] for event in truncated] == [0] * truncates
    assert said.startswith(known)
    assert (known == said) is not truncates
    for event in truncated:
        sent_ms = client.answer(client.of("response.done")[0]["response"]["id"]).size // 24
        assert 0 <= event["audio_end_ms"] < sent_ms


# --- formats, and much at a time ---


@pytest.mark.parametrize(
    ("session", "as_sent"),
    [
        (
            {"input_audio_format": "g711_ulaw"},
            lambda said: MU_LAW.encode(soxr.resample(said, 24_000, 8_000)),
        ),
        (
            {"input_audio_format": "g711_alaw"},
            lambda said: A_LAW.encode(soxr.resample(said, 24_000, 8_000)),
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_ECHO},
            lambda said: np.column_stack([said, np.roll(said, 9_999)]).astype("<i2").tobytes(),
        ),
    ],
    ids=["u-law", "A-law", "with the echo's reference"],
)
def test_every_format_is_understood(port: int, session: dict[str, object], as_sent: object) -> None:
    said = np.concatenate([sample_sentences()[0], np.zeros(24_000, np.int16)])

    async def ask(client: Client) -> None:
        await append(client, as_sent(said))  # type: ignore[operator]
        await client.until("conversation.item.input_audio_transcription.completed")

    client = talk(
        port,
        ask,
        turn_detection=SERVER_VAD,
        input_audio_transcription=TRANSCRIBED,
        **session,
    )
    assert [words_of(heard) for heard in client.heard()] == [words_of(SUM)]


def test_the_format_may_change_between_appends(port: int) -> None:
    said = sample_sentences()[0]
    middle = said.size // 2

    async def ask(client: Client) -> None:
        await append(client, said[:middle].astype("<i2").tobytes())
        await client.send("session.update", session={"input_audio_sampling_rate": 16_000})
        await client.say(soxr.resample(said[middle:], 24_000, 16_000), rate_hz=16_000)
        await client.until("conversation.item.input_audio_transcription.completed")

    client = talk(port, ask, turn_detection=SERVER_VAD, input_audio_transcription=TRANSCRIBED)
    assert [words_of(heard) for heard in client.heard()] == [words_of(SUM)]


def test_much_sound_of_one_client_does_not_stop_another(port: int) -> None:
    """Other clients are answered before all of its sound is searched."""
    much = encoded(bytes(15 * 1024 * 1024))
    finished = []

    async def be_heavy(client: Client) -> None:
        await client.send("input_audio_buffer.append", audio=much)
        await all_is_heard(client)
        finished.append("heavy")

    async def be_light(client: Client) -> None:
        for _ in range(5):
            await append(client, bytes(960))
            await all_is_heard(client)
        finished.append("light")

    async def both() -> None:
        async with (
            client_of(port, turn_detection=SERVER_VAD) as heavy,
            client_of(port, turn_detection=SERVER_VAD) as light,
        ):
            await asyncio.gather(be_heavy(heavy), be_light(light))

    asyncio.run(both())
    assert finished == ["light", "heavy"]


def test_a_filler_is_a_turn_after_the_client_cancelled_the_answer(
    port: int, voice: Synthesiser, recogniser: Recogniser
) -> None:
    sound = said_clearly(voice, recogniser, "Okay.")

    async def cancel_and_speak(client: Client) -> None:
        await client.ask("Tell me a long story.")
        for _ in range(20):
            await client.until("response.audio.delta")
        await client.send("response.cancel")
        await client.until("response.done")
        await client.say(sound)
        committed = await client.until("input_audio_buffer.committed")
        assert committed["item_id"]

    talk(port, cancel_and_speak, turn_detection=SEMANTIC)
