"""The settings as the session that the service is asked for, field by field."""

import json
from typing import Any

import pytest
from azure.ai.voicelive.models import RequestSession

from pipeline.config.settings import Settings
from pipeline.ipc.commands import ToolSchema
from pipeline.network.session import build_session, session_change

DEFAULTS = {
    "modalities": ["text", "audio"],
    "instructions": (
        "You are a helpful voice assistant. Be conversational and concise. Respond naturally."
    ),
    "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
    "input_audio_format": "pcm16",
    "output_audio_format": "pcm16",
    "output_audio_timestamp_types": ["word"],
    "input_audio_sampling_rate": 24_000,
    "turn_detection": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "interrupt_response": True,
        "create_response": True,
        "auto_truncate": False,
    },
    "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
    "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
    "input_audio_transcription": {"model": "whisper-1"},
}
SWITCHES = {
    "noise_reduction": "input_audio_noise_reduction",
    "transcription": "input_audio_transcription",
}
WEATHER = ToolSchema("weather", "Tells the weather.", {"type": "object", "properties": {}})


def on_the_wire(session: RequestSession) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(json.dumps(session.as_dict()))
    return sent


def wire(**settings: Any) -> dict[str, Any]:
    return on_the_wire(build_session(Settings(endpoint="https://host", **settings)))


def test_the_defaults_are_those_of_the_settings_table() -> None:
    assert wire() == DEFAULTS


@pytest.mark.parametrize(
    "voice", ["en-US-AvaNeural", "en-US-Ava:DragonHDLatestNeural", "de-DE-KatjaNeural"]
)
def test_a_voice_with_a_hyphen_is_azure_s(voice: str) -> None:
    assert wire(voice=voice)["voice"] == {"type": "azure-standard", "name": voice}


@pytest.mark.parametrize("voice", ["alloy", "marin", "nova"])
def test_a_voice_without_one_is_openai_s(voice: str) -> None:
    assert wire(voice=voice)["voice"] == voice


def test_the_times_of_words_are_asked_of_azure_s_voices() -> None:
    assert "output_audio_timestamp_types" not in wire(voice="alloy")
    assert on_the_wire(session_change(None, "alloy"))["output_audio_timestamp_types"] == []
    changed = on_the_wire(session_change(None, "de-DE-KatjaNeural"))
    assert changed["output_audio_timestamp_types"] == ["word"]
    assert "output_audio_timestamp_types" not in on_the_wire(session_change("Be brief.", None))


@pytest.mark.parametrize(
    "kind",
    [
        "server_vad",
        "azure_semantic_vad",
        "azure_semantic_vad_en",
        "azure_semantic_vad_multilingual",
    ],
)
def test_every_turn_detection_gets_all_its_settings(kind: str) -> None:
    sent = wire(
        turn_detection=kind,
        vad_threshold=0.7,
        prefix_padding_ms=0,
        silence_duration_ms=800,
        interrupt_response=False,
    )
    assert sent["turn_detection"] == {
        "type": kind,
        "threshold": 0.7,
        "prefix_padding_ms": 0,
        "silence_duration_ms": 800,
        "interrupt_response": False,
        "create_response": True,
        "auto_truncate": False,
    }


@pytest.mark.parametrize(("switch", "field"), SWITCHES.items())
def test_a_feature_that_is_off_is_left_out(switch: str, field: str) -> None:
    assert wire(**{switch: False}) == {k: v for k, v in DEFAULTS.items() if k != field}


@pytest.mark.parametrize("echo", ["local", "off"])
def test_an_echo_that_the_service_does_not_remove_is_not_spoken_of(echo: str) -> None:
    left = {k: v for k, v in DEFAULTS.items() if k != "input_audio_echo_cancellation"}
    assert wire(echo=echo) == left
    assert on_the_wire(build_session(Settings(offline=True))) == left


def test_a_reference_of_the_client_s_is_a_second_channel() -> None:
    assert wire(echo="client-reference")["input_audio_echo_cancellation"] == {
        "type": "server_echo_cancellation",
        "reference_source": "client",
        "channels": 2,
    }


def test_where_the_ears_mark_turns_the_service_detects_none() -> None:
    session = build_session(Settings(endpointing="local"))
    assert session.as_dict()["turn_detection"] is None


def test_temperature_and_instructions_are_passed_on() -> None:
    sent = wire(temperature=0.8, instructions="Speak like a pirate.")
    assert sent == {**DEFAULTS, "temperature": 0.8, "instructions": "Speak like a pirate."}


@pytest.mark.parametrize(
    ("model", "transcriber"),
    [
        ("gpt-realtime-mini", "whisper-1"),
        ("azure-realtime", "whisper-1"),
        ("gpt-4.1", "azure-speech"),
        ("of-my-own", "azure-speech"),
    ],
)
def test_cascaded_models_listen_with_azure_s_speech_service(model: str, transcriber: str) -> None:
    assert wire(model=model)["input_audio_transcription"] == {"model": transcriber}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        ("weather", {"type": "function", "name": "weather"}),
    ],
)
def test_tools_are_offered(choice: str, expected: object) -> None:
    sent = on_the_wire(build_session(Settings(tool_choice=choice), (WEATHER,)))
    assert sent["tools"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Tells the weather.",
            "parameters": {"type": "object", "properties": {}},
        }
    ]
    assert sent["tool_choice"] == expected


def test_no_key_is_part_of_the_session() -> None:
    assert "s3cret" not in json.dumps(wire(api_key="s3cret"))
