"""Fields of sessions and responses: defaults, changes, and errors that name the field."""

from typing import Any

import pytest

from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.session.warning_events import warning_events
from pipeline.emulator.turns.endpointing import EndpointingRules
from pipeline.emulator.wire.events import ClientError
from pipeline.emulator.wire.session_fields import SessionFields

SERVER_VAD = EndpointingRules()
SEMANTIC_VAD = EndpointingRules(prefix_padding_ms=420, speech_duration_ms=80)
CLOCK = {"type": "function", "name": "clock"}
TEXT = {"type": "text", "text": "Good morning."}


def changed(**fields: Any) -> dict[str, Any]:
    return Configuration("gpt-realtime").with_changes(fields)


def response(**fields: Any) -> Any:
    return Configuration("gpt-realtime").for_response(fields)


def test_a_session_starts_with_the_defaults_of_the_service() -> None:
    configuration = Configuration("gpt-realtime")
    assert configuration.turns.endpointing == SERVER_VAD
    assert configuration.creates_response
    assert configuration.interrupts_response
    assert not configuration.auto_truncates
    assert not configuration.turns.transcribes
    assert configuration.input_format == InputFormat()


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (None, None),
        ({"type": "none"}, None),
        ({"type": "server_vad"}, SERVER_VAD),
        ({"threshold": None}, SERVER_VAD),
        ({"type": "server_vad", "threshold": 0.3}, EndpointingRules(threshold=0.3)),
        ({"type": "azure_semantic_vad_multilingual", "languages": ["en"]}, SEMANTIC_VAD),
        ({"type": "semantic_vad", "eagerness": "low"}, SEMANTIC_VAD),
    ],
)
def test_turn_detection(rules: dict[str, Any] | None, expected: EndpointingRules | None) -> None:
    configuration = Configuration("m")
    configuration.adopt(configuration.with_changes({"turn_detection": rules}))
    assert configuration.turns.endpointing == expected


VOICES = [
    "alloy",
    "en-US-Ava:DragonHDLatestNeural",
    {"type": "openai", "name": "alloy"},
    {"type": "azure-standard", "name": "en-US-AvaNeural", "rate": "+10%", "temperature": 0.5},
    {"type": "azure-custom", "name": "mine", "endpoint_id": "1234"},
    {"type": "azure-personal", "name": "mine", "model": "DragonLatestNeural"},
    {"type": "avatar-voice-sync", "model": "DragonLatestNeural"},
    {"type": "azure-realtime-native", "name": "ava"},
]
ACCEPTED: list[tuple[str, Any]] = [
    *(("voice", voice) for voice in VOICES),
    ("modalities", ["text"]),
    ("modalities", ["audio", "animation"]),
    ("modalities", ["text", "audio", "avatar"]),
    ("temperature", 1),
    ("temperature", 0.6),
    ("max_response_output_tokens", 4_096),
    ("max_response_output_tokens", "inf"),
    ("input_audio_sampling_rate", 44_100),
    ("output_audio_format", "pcm16_22050hz"),
    ("output_audio_format", "g711_alaw"),
    ("output_audio_timestamp_types", ["word"]),
    ("input_audio_noise_reduction", {"type": "azure_deep_noise_suppression"}),
    ("input_audio_echo_cancellation", {"type": "server_echo_cancellation"}),
    ("input_audio_transcription", {"model": "azure-speech", "phrase_list": ["Contoso"]}),
    ("animation", {"model_name": "default", "outputs": ["viseme_id"]}),
    ("avatar", {"character": "lisa", "customized": False, "video": {"bitrate": 2_000_000}}),
    ("tools", [CLOCK]),
    ("tools", [{"type": "mcp", "server_label": "a", "server_url": "https://a"}]),
    ("tools", [{"type": "foundry_agent", "agent_name": "a", "project_name": "b"}]),
    ("parallel_tool_calls", False),
    ("reasoning_effort", "xhigh"),
    ("interim_response", {"type": "static_interim_response", "texts": ["One moment."]}),
    ("include", ["item.input_audio_transcription.logprobs"]),
    ("metadata", {"topic": "weather"}),
]


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_what_is_accepted_is_echoed(name: str, value: object) -> None:
    assert changed(**{name: value})[name] == value


@pytest.mark.parametrize(
    ("name", "value", "code", "param"),
    [
        ("voice", 5, "invalid_type", "voice"),
        ("voice", "", "invalid_value", "voice"),
        ("voice", {}, "missing_required_parameter", "voice.type"),
        ("voice", {"type": "robot"}, "invalid_value", "voice.type"),
        ("voice", {"type": ["openai"]}, "missing_required_parameter", "voice.type"),
        ("voice", {"type": "openai"}, "missing_required_parameter", "voice.name"),
        ("voice", {"type": "azure-custom", "name": "a"}, "missing_required_parameter",
         "voice.endpoint_id"),
        ("modalities", "text", "invalid_type", "modalities"),
        ("modalities", [], "invalid_value", "modalities"),
        ("modalities", ["smell"], "invalid_value", "modalities[0]"),
        ("modalities", ["audio"], "invalid_value", "modalities"),
        ("instructions", 5, "invalid_type", "instructions"),
        ("model", "another", "invalid_value", "model"),
        ("temperature", "hot", "invalid_type", "temperature"),
        ("temperature", True, "invalid_type", "temperature"),
        ("temperature", 0.5, "invalid_value", "temperature"),
        ("temperature", 1.3, "invalid_value", "temperature"),
        ("max_response_output_tokens", 0, "invalid_value", "max_response_output_tokens"),
        ("max_response_output_tokens", 4_097, "invalid_value", "max_response_output_tokens"),
        ("max_response_output_tokens", "all", "invalid_value", "max_response_output_tokens"),
        ("max_response_output_tokens", [], "invalid_type", "max_response_output_tokens"),
        ("input_audio_format", "mp3", "invalid_value", "input_audio_format"),
        ("input_audio_sampling_rate", 11_025, "invalid_value", "input_audio_sampling_rate"),
        ("input_audio_sampling_rate", "16000", "invalid_type", "input_audio_sampling_rate"),
        ("output_audio_format", "mp3", "invalid_value", "output_audio_format"),
        ("output_audio_timestamp_types", ["letter"], "invalid_value",
         "output_audio_timestamp_types[0]"),
        ("turn_detection", 5, "invalid_type", "turn_detection"),
        ("turn_detection", {"type": "magic"}, "invalid_value", "turn_detection.type"),
        ("turn_detection", {"threshold": 2}, "invalid_value", "turn_detection.threshold"),
        ("turn_detection", {"silence_duration_ms": -1}, "invalid_value",
         "turn_detection.silence_duration_ms"),
        ("turn_detection", {"silence_duration_ms": 0.5}, "invalid_type",
         "turn_detection.silence_duration_ms"),
        ("turn_detection", {"create_response": "yes"}, "invalid_type",
         "turn_detection.create_response"),
        ("turn_detection", {"end_of_utterance_detection": {"model": "tea_leaves"}},
         "invalid_value", "turn_detection.end_of_utterance_detection.model"),
        ("input_audio_transcription", {}, "missing_required_parameter",
         "input_audio_transcription.model"),
        ("input_audio_noise_reduction", {"type": "none"}, "invalid_value",
         "input_audio_noise_reduction.type"),
        ("input_audio_echo_cancellation", {"type": "x"}, "invalid_value",
         "input_audio_echo_cancellation.type"),
        ("tools", CLOCK, "invalid_type", "tools"),
        ("tools", [5], "invalid_type", "tools[0]"),
        ("tools", [{}], "missing_required_parameter", "tools[0].type"),
        ("tools", [CLOCK, {"type": "function"}], "missing_required_parameter", "tools[1].name"),
        ("tools", [CLOCK | {"parameters": []}], "invalid_type", "tools[0].parameters"),
        ("tools", [CLOCK] * 129, "array_above_max_length", "tools"),
        ("tool_choice", "clock", "invalid_value", "tool_choice"),
        ("tool_choice", {"type": "function"}, "missing_required_parameter", "tool_choice.name"),
        ("avatar", {"character": "lisa"}, "missing_required_parameter", "avatar.customized"),
        ("reasoning_effort", "some", "invalid_value", "reasoning_effort"),
        ("metadata", {"a": 1}, "invalid_type", "metadata.a"),
        ("metadata", {"a": "x" * 513}, "string_above_max_length", "metadata.a"),
        ("metadata", {str(n): "" for n in range(17)}, "array_above_max_length", "metadata"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(name: str, value: object, code: str, param: str) -> None:
    with pytest.raises(ClientError) as error:
        changed(instructions="Taken over.", **{name: value}) if name != "instructions" else changed(
            **{name: value}
        )
    assert (error.value.code, error.value.param) == (code, f"session.{param}")
    assert len(error.value.message) < 500


ECHO = {"type": "server_echo_cancellation"}


def test_an_echo_reference_needs_pcm16() -> None:
    stereo = ECHO | {"reference_source": "client", "channels": 2}
    session = Configuration("m")
    session.adopt(session.with_changes({"input_audio_echo_cancellation": stereo}))
    assert session.input_format.channels == 2
    with pytest.raises(ClientError) as error:
        session.with_changes({"input_audio_format": "g711_ulaw"})
    assert error.value.code == "invalid_ec_channels_format"


def test_the_rate_follows_the_format() -> None:
    assert changed(input_audio_format="g711_ulaw")["input_audio_sampling_rate"] == 8_000
    with pytest.raises(ClientError, match="16000"):
        changed(input_audio_format="g711_ulaw", input_audio_sampling_rate=16_000)


def test_null_switches_a_field_off() -> None:
    session = changed(turn_detection=None, input_audio_transcription=None, instructions=None)
    assert session["turn_detection"] is None
    assert session["input_audio_transcription"] is None
    assert session["instructions"] == ""


def test_read_only_fields_stay() -> None:
    session = Configuration("m").wire
    given = {"id": "mine", "object": "theirs", "expires_at": 5, "model": "m", "type": "realtime"}
    assert Configuration("m").with_changes(given).keys() == session.keys()
    assert changed(id="mine")["id"] != "mine"


@pytest.mark.parametrize(
    "choice",
    [
        "clock",
        {"type": "function", "name": "clock"},
        {"type": "function", "function": {"name": "clock"}},
    ],
)
def test_a_function_is_chosen_by_name(choice: object) -> None:
    chosen = changed(tools=[CLOCK], tool_choice=choice)["tool_choice"]
    assert chosen == {"type": "function", "name": "clock"}


@pytest.mark.parametrize(
    ("model", "cascaded"),
    [
        ("gpt-realtime", False),
        ("gpt-realtime-mini", False),
        ("gpt-4o-realtime-preview", False),
        ("phi4-mm-realtime", False),
        ("azure-realtime", False),
        ("my-own-model", False),
        ("gpt-4o", True),
        ("gpt-4.1-nano", True),
        ("GPT-5.2-chat", True),
        ("phi4-mini", True),
    ],
)
def test_models_of_text_are_cascaded(model: str, cascaded: bool) -> None:
    assert Configuration(model).is_cascaded == cascaded


def test_a_response_overrides_its_session() -> None:
    options = response(
        modalities=["text"],
        max_output_tokens=20,
        metadata={"a": "b"},
        conversation="none",
        tools=[CLOCK],
        tool_choice="clock",
    )
    assert not options.speaks
    assert options.most_tokens == 20
    assert options.metadata == {"a": "b"}
    assert options.is_out_of_band
    assert options.settings["tool_choice"]["name"] == "clock"
    assert options.settings["temperature"] == 0.8


def test_instructions_can_be_added_for_one_response() -> None:
    options = Configuration("m").for_response({"instructions": "Be kind."}, "Rhyme.")
    assert options.settings["instructions"] == "Be kind.\nRhyme."


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"conversation": "other"}, "invalid_value", "conversation"),
        ({"input": {}}, "invalid_type", "input"),
        ({"input": [{"type": "message"}]}, "missing_required_parameter", "input[0].role"),
        ({"append_input_items": [{}]}, "missing_required_parameter", "append_input_items[0].type"),
        (
            {"pre_generated_assistant_message": {"type": "message", "role": "user"}},
            "invalid_value",
            "pre_generated_assistant_message.role",
        ),
        (
            {
                "pre_generated_assistant_message": {
                    "type": "message",
                    "role": "assistant",
                    "content": [TEXT, TEXT],
                }
            },
            "invalid_value",
            "pre_generated_assistant_message.content",
        ),
        ({"max_output_tokens": -1}, "invalid_value", "max_output_tokens"),
    ],
)
def test_a_wrong_override_is_named(fields: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(ClientError) as error:
        response(**fields)
    assert (error.value.code, error.value.param) == (code, f"response.{param}")


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"turn_detecton": None}, "unknown_parameter", "session.turn_detecton"),
        ({"tools": [CLOCK, {"type": "mcp"}]}, "not_supported", "session.tools[1]"),
        ({"avatar": {"character": "lisa"}}, "not_supported", "session.avatar"),
        ({"modalities": ["text", "animation"]}, "not_supported", "session.animation"),
    ],
)
def test_a_field_without_effect_brings_a_warning(
    given: dict[str, Any], code: str, param: str
) -> None:
    (warning,) = (each["warning"] for each in warning_events(given, SessionFields, "session"))
    assert (warning["code"], warning["param"]) == (code, param)


def test_a_session_sent_back_brings_no_warning() -> None:
    assert not list(warning_events(Configuration("m").wire, SessionFields, "session"))
