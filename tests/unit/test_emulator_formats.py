"""Appended and answered sound in every format and rate, and in any slices."""

import asyncio
import base64
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.emulator.audio.append_decoder import unpacked
from pipeline.emulator.audio.g711 import A_LAW, MU_LAW, Law
from pipeline.emulator.audio.input_formats import InputDecoder, InputFormat, input_format
from pipeline.emulator.audio.output_formats import (
    OUTPUT_FORMATS,
    OutputEncoder,
    OutputFormat,
    output_format,
)
from pipeline.emulator.turns.listener import Listener
from pipeline.emulator.wire.events import ClientError
from pipeline.pcm import PCM16, Samples

CODES = bytes(range(256))
INPUT_FORMATS = [
    InputFormat(),
    InputFormat(rate_hz=8_000),
    InputFormat(rate_hz=16_000),
    InputFormat(rate_hz=44_100),
    InputFormat("g711_ulaw", 8_000),
    InputFormat("g711_alaw", 8_000),
    InputFormat(channels=2),
]
CLIENT_ECHO = {
    "type": "server_echo_cancellation",
    "reference_source": "client",
    "channels": 2,
}


def noise(count: int, level: int = 3_000) -> Samples:
    return np.random.default_rng(count).normal(0, level, count).astype(np.int16)


# --- G.711 ---


@pytest.mark.parametrize(
    ("law", "code", "sample"),
    [
        (MU_LAW, 0xFF, 0),
        (MU_LAW, 0x7F, 0),
        (MU_LAW, 0x80, 32_124),
        (MU_LAW, 0x00, -32_124),
        (MU_LAW, 0xFE, 8),
        (MU_LAW, 0xEF, 132),
        (MU_LAW, 0xCE, 988),
        (A_LAW, 0xD5, 8),
        (A_LAW, 0x55, -8),
        (A_LAW, 0xAA, 32_256),
        (A_LAW, 0x2A, -32_256),
        (A_LAW, 0xC5, 264),
        (A_LAW, 0x80, 5_504),
    ],
)
def test_codes_mean_what_the_recommendation_says(law: Law, code: int, sample: int) -> None:
    assert law.decode(bytes([code])) == sample


def test_every_code_comes_back() -> None:
    assert A_LAW.encode(A_LAW.decode(CODES)) == CODES
    minus_zero = b"\x7f"
    assert MU_LAW.encode(MU_LAW.decode(CODES)) == CODES.replace(minus_zero, b"\xff")


@pytest.mark.parametrize("law", [MU_LAW, A_LAW])
def test_the_error_is_half_a_step_at_most(law: Law) -> None:
    every = np.arange(-32_768, 32_768).astype(np.int16)
    back = law.decode(law.encode(every)).astype(int)
    steps = np.maximum(np.abs(every.astype(int)) / 16, 16)
    clipped = np.abs(every.astype(int)) > 32_000
    assert np.all((np.abs(back - every) <= steps) | clipped)
    assert np.all(np.diff(back) >= 0)


# --- in ---


@pytest.mark.parametrize("format_", INPUT_FORMATS)
@given(st.lists(st.integers(0, 2_000), max_size=12))
def test_appended_sound_is_the_same_however_it_is_sliced(
    format_: InputFormat, frames: list[int]
) -> None:
    data = noise(sum(frames) * format_.frame_bytes // 2 + 1).tobytes()
    data = data[: sum(frames) * format_.frame_bytes]
    edges = np.cumsum([0, *frames]) * format_.frame_bytes
    decoder = InputDecoder(format_)
    slices = [decoder.decode(data[start:end]) for start, end in pairwise(edges)]
    whole = InputDecoder(format_).decode(data)
    assert np.array_equal(np.concatenate([whole[:0], *slices]), whole)


@pytest.mark.parametrize("format_", INPUT_FORMATS)
def test_a_tone_keeps_its_length_and_loudness(format_: InputFormat) -> None:
    tone = (8_000 * np.sin(np.arange(format_.rate_hz) * 2 * np.pi * 440 / format_.rate_hz)).astype(
        np.int16
    )
    data = tone.astype(PCM16).tobytes()
    if format_.encoding != "pcm16":
        data = {"g711_ulaw": MU_LAW, "g711_alaw": A_LAW}[format_.encoding].encode(tone)
    if format_.channels == 2:
        data = np.column_stack([tone, np.zeros_like(tone)]).astype(PCM16).tobytes()
    heard = InputDecoder(format_).decode(data)
    assert heard.size == pytest.approx(16_000, abs=4)
    expected = 8_000 * np.sin(np.arange(heard.size) * 2 * np.pi * 440 / 16_000)
    assert np.abs(heard - expected)[:-8].mean() < 300


def test_the_echo_reference_is_left_out() -> None:
    microphone, reference = noise(960), noise(961)[:960]
    both = np.column_stack([microphone, reference]).astype(PCM16).tobytes()
    alone = InputDecoder(InputFormat()).decode(microphone.astype(PCM16).tobytes())
    assert np.array_equal(InputDecoder(InputFormat(channels=2)).decode(both), alone)


@pytest.mark.parametrize(
    ("format_", "size"), [(InputFormat(), 3), (InputFormat(channels=2), 6), (InputFormat(), 1)]
)
def test_partial_frames_are_refused(format_: InputFormat, size: int) -> None:
    with pytest.raises(ClientError, match=f"{size} bytes") as refused:
        InputDecoder(format_).decode(bytes(size))
    assert (refused.value.code, refused.value.param) == ("invalid_value", "audio")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({}, InputFormat()),
        ({"input_audio_format": "pcm16"}, InputFormat()),
        ({"input_audio_sampling_rate": 16_000}, InputFormat(rate_hz=16_000)),
        ({"input_audio_format": "g711_ulaw"}, InputFormat("g711_ulaw", 8_000)),
        (
            {"input_audio_format": "g711_alaw", "input_audio_sampling_rate": None},
            InputFormat("g711_alaw", 8_000),
        ),
        ({"input_audio_echo_cancellation": None}, InputFormat()),
        ({"input_audio_echo_cancellation": {"type": "server_echo_cancellation"}}, InputFormat()),
        ({"input_audio_echo_cancellation": CLIENT_ECHO}, InputFormat(channels=2)),
    ],
)
def test_the_format_of_a_session(session: dict[str, object], expected: InputFormat) -> None:
    assert input_format(session) == expected


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"input_audio_format": "mp3"}, "invalid_value", "input_audio_format"),
        ({"input_audio_sampling_rate": 11_025}, "invalid_value", "input_audio_sampling_rate"),
        ({"input_audio_sampling_rate": True}, "invalid_value", "input_audio_sampling_rate"),
        (
            {"input_audio_format": "g711_ulaw", "input_audio_sampling_rate": 16_000},
            "invalid_value",
            "input_audio_sampling_rate",
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_ECHO | {"channels": 1}},
            "invalid_ec_reference_channels",
            "input_audio_echo_cancellation.channels",
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_ECHO | {"reference_source": "server"}},
            "invalid_ec_channels_requires_client",
            "input_audio_echo_cancellation.reference_source",
        ),
        (
            {"input_audio_format": "g711_alaw", "input_audio_echo_cancellation": CLIENT_ECHO},
            "invalid_ec_channels_format",
            "input_audio_format",
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_ECHO | {"channels": 3}},
            "invalid_value",
            "input_audio_echo_cancellation.channels",
        ),
        (
            {"input_audio_echo_cancellation": {"reference_source": "moon"}},
            "invalid_value",
            "input_audio_echo_cancellation.reference_source",
        ),
        ({"input_audio_echo_cancellation": [1]}, "invalid_type", "input_audio_echo_cancellation"),
    ],
)
def test_impossible_formats_are_refused(session: dict[str, object], code: str, param: str) -> None:
    with pytest.raises(ClientError) as refused:
        input_format(session)
    assert (refused.value.code, refused.value.param) == (code, f"session.{param}")


def test_channels_are_fixed_after_the_first_sound() -> None:
    listener = Listener(InputFormat(), None)
    listener.check_change(InputFormat(channels=2))
    listener.append(bytes(960))
    listener.check_change(InputFormat(rate_hz=16_000))
    with pytest.raises(ClientError) as refused:
        listener.check_change(InputFormat(channels=2))
    assert refused.value.code == "change_in_ec_channels_not_allowed"


# --- appended ---


@pytest.mark.parametrize("size", [0, 2, 4, 49_150, 49_152, 49_154, 150_000])
def test_appended_sound_is_unpacked(size: int) -> None:
    data = noise(size // 2).tobytes()
    slices = asyncio.run(unpacked(base64.b64encode(data).decode(), InputFormat()))
    assert b"".join(slices) == data
    assert all(len(each) % 4 == 0 for each in slices[:-1])


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ("*", "not valid base64"),
        ("AAA", "not valid base64"),
        ("AA==AAAA", "not valid base64"),
        ("\u00e9", "not valid base64"),
        ("A" * 65_532 + "AA==" + "AAAA", "not valid base64"),
        ("A" * 65_536 + "A*AA", "not valid base64"),
        ("A" * 70_000 + "AA==", "not whole samples"),
        ("A" * (15 * 1024 * 1024 * 4 // 3 + 4), "longer than 15 MiB"),
    ],
    ids=range(8),
)
def test_invalid_audio_is_refused(audio: str, message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        asyncio.run(unpacked(audio, InputFormat()))
    assert (refused.value.code, refused.value.param) == ("invalid_value", "audio")


def test_the_longest_append_is_accepted() -> None:
    audio = base64.b64encode(bytes(15 * 1024 * 1024)).decode()
    slices = asyncio.run(unpacked(audio, InputFormat()))
    assert sum(map(len, slices)) == 15 * 1024 * 1024


def test_other_tasks_run_while_a_long_append_is_decoded() -> None:
    async def count_turns() -> int:
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(take_turns())
        await unpacked("A" * (20 * 65_536), InputFormat())
        other.cancel()
        return turns

    assert asyncio.run(count_turns()) >= 19


# --- out ---


@pytest.mark.parametrize(("name", "format_"), OUTPUT_FORMATS.items())
@given(st.lists(st.integers(0, 8_000), max_size=6))
def test_an_answer_loses_no_sample(name: str, format_: OutputFormat, pieces: list[int]) -> None:
    samples = noise(sum(pieces))
    edges = np.cumsum([0, *pieces])
    encoder = OutputEncoder(format_)
    encoded = [encoder.encode(samples[start:end]) for start, end in pairwise(edges)]
    sent = b"".join([*encoded, encoder.flush()])
    once = OutputEncoder(format_)
    assert sent == once.encode(samples) + once.flush(), name
    sample_bytes = 2 if format_.encoding == "pcm16" else 1
    assert abs(len(sent) / sample_bytes - samples.size * format_.rate_hz / 24_000) <= 1


@pytest.mark.parametrize("format_", OUTPUT_FORMATS.values())
def test_an_answer_sounds_the_same_in_every_format(format_: OutputFormat) -> None:
    tone = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
    encoder = OutputEncoder(format_)
    sent = encoder.encode(tone) + encoder.flush()
    heard = (
        np.frombuffer(sent, PCM16)
        if format_.encoding == "pcm16"
        else {"g711_ulaw": MU_LAW, "g711_alaw": A_LAW}[format_.encoding].decode(sent)
    )
    expected = 8_000 * np.sin(np.arange(heard.size) * 2 * np.pi * 440 / format_.rate_hz)
    middle = slice(heard.size // 10, -heard.size // 10)
    assert np.abs(heard - expected)[middle].max() < 400


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pcm16", OutputFormat()),
        ("pcm16_22050hz", OutputFormat("pcm16", 22_050)),
        ("pcm16-8000hz", OutputFormat("pcm16", 8_000)),
        ("pcm16-16000hz", OutputFormat("pcm16", 16_000)),
        ("g711_alaw", OutputFormat("g711_alaw", 8_000)),
    ],
)
def test_output_formats_by_name(name: str, expected: OutputFormat) -> None:
    assert output_format(name, "session.output_audio_format") == expected


@pytest.mark.parametrize("name", ["mp3", "", None, 8, ["pcm16"]])
def test_an_unknown_output_format_is_refused(name: object) -> None:
    with pytest.raises(ClientError, match="Supported values are: 'pcm16'") as refused:
        output_format(name, "session.output_audio_format")
    assert refused.value.param == "session.output_audio_format"
