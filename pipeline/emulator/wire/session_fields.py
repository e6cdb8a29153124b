"""The session of `session.update` and the response of `response.create`."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, model_validator

from pipeline.emulator.wire.fields import LONGEST_MS, Fields, Milliseconds, Name, Share, type_of
from pipeline.emulator.wire.item_fields import AssistantMessage, InputItem
from pipeline.emulator.wire.voice_fields import VoiceSettings

_Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]

# --- turn detection ---


class _EndOfUtterance(Fields):
    model: Literal[
        "semantic_detection_v1", "semantic_detection_v1_en", "semantic_detection_v1_multilingual"
    ]
    threshold_level: Literal["low", "medium", "high", "default"] | None = None
    timeout_ms: Annotated[float, Field(ge=0, le=LONGEST_MS)] | None = None


class _AnyTurnDetection(Fields):
    create_response: bool | None = None
    interrupt_response: bool | None = None


class _VoiceActivityDetection(_AnyTurnDetection):
    threshold: Share | None = None
    prefix_padding_ms: Milliseconds | None = None
    silence_duration_ms: Milliseconds | None = None
    speech_duration_ms: Milliseconds | None = None
    end_of_utterance_detection: _EndOfUtterance | None = None
    auto_truncate: bool | None = None


class _ServerVad(_VoiceActivityDetection):
    type: Literal["server_vad"] = "server_vad"


class _AzureSemanticVad(_VoiceActivityDetection):
    type: Literal["azure_semantic_vad", "azure_semantic_vad_en", "azure_semantic_vad_multilingual"]
    remove_filler_words: bool | None = None
    languages: list[str] | None = None


class _SemanticVad(_AnyTurnDetection):
    type: Literal["semantic_vad"]
    eagerness: Literal["auto", "low", "medium", "high"] | None = None


class _NoTurnDetection(Fields):
    type: Literal["none"]


def _detection_of(value: object) -> str | None:
    """Turn detection without a type is `server_vad`."""
    return type_of({"type": "server_vad", **value} if isinstance(value, dict) else value)


_TurnDetection = Annotated[
    Annotated[_ServerVad, Tag("server_vad")]
    | Annotated[_AzureSemanticVad, Tag("azure_semantic_vad")]
    | Annotated[_AzureSemanticVad, Tag("azure_semantic_vad_en")]
    | Annotated[_AzureSemanticVad, Tag("azure_semantic_vad_multilingual")]
    | Annotated[_SemanticVad, Tag("semantic_vad")]
    | Annotated[_NoTurnDetection, Tag("none")],
    Discriminator(_detection_of),
]


# --- tools ---


class _FunctionTool(Fields):
    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _McpTool(Fields):
    type: Literal["mcp"]
    server_label: Name
    server_url: Name
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: list[str] | None = None
    require_approval: Any = None


class _FoundryAgentTool(Fields):
    type: Literal["foundry_agent"]
    agent_name: Name
    project_name: Name
    agent_version: str | None = None
    client_id: str | None = None
    description: str | None = None
    foundry_resource_override: str | None = None
    agent_context_type: Literal["no_context", "agent_context"] | None = None
    return_agent_response_directly: bool | None = None


_Tool = Annotated[_FunctionTool | _McpTool | _FoundryAgentTool, Field(discriminator="type")]


class _ChosenFunction(Fields):
    """Also ``{"type": "function", "function": {"name": …}}``, as chat completions write it."""

    type: Literal["function"]
    name: Name

    @model_validator(mode="before")
    @classmethod
    def _lift_name(cls, value: Any) -> Any:  # noqa: ANN401 - not validated yet
        function = value.get("function") if isinstance(value, dict) else None
        return {**function, **value} if isinstance(function, dict) else value


_ToolChoice = Annotated[
    Annotated[Name, Tag("str")] | Annotated[_ChosenFunction, Tag("function")],
    Discriminator(type_of),
]


# --- what this service keeps and has no use for ---


class _Transcription(Fields):
    model: Name
    language: str | None = None
    prompt: str | None = None
    custom_speech: dict[str, str] | None = None
    phrase_list: list[str] | None = None


class _NoiseReduction(Fields):
    type: Literal["azure_deep_noise_suppression", "near_field", "far_field"]


class _EchoCancellation(Fields):
    type: Literal["server_echo_cancellation"]
    reference_source: Literal["server", "client"] | None = None
    channels: int | None = None


class _Animation(Fields):
    model_name: str | None = None
    outputs: list[Literal["blendshapes", "viseme_id"]] | None = None


class _Avatar(Fields):
    type: Literal["video-avatar", "photo-avatar"] | None = None
    character: Name
    customized: bool
    style: str | None = None
    model: str | None = None
    ice_servers: list[dict[str, Any]] | None = None
    video: dict[str, Any] | None = None
    scene: dict[str, Any] | None = None
    output_protocol: Literal["webrtc", "websocket"] | None = None
    output_audit_audio: bool | None = None


class _InterimResponse(Fields):
    type: Literal[
        "static_interim_response",
        "static-interim-response",
        "llm_interim_response",
        "llm-interim-response",
    ]
    triggers: list[Literal["latency", "tool"]] | None = None
    latency_threshold_ms: Annotated[int, Field(ge=0)] | None = None
    texts: list[str] | None = None
    model: str | None = None
    instructions: str | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None


# --- sessions and responses ---

_TokenLimit = Annotated[
    Annotated[Literal["inf"], Tag("inf")] | Annotated[int, Tag("int"), Field(ge=1, le=4_096)],
    Discriminator(lambda value: "inf" if isinstance(value, str) else "int"),
]
_Modalities = Annotated[
    list[Literal["text", "audio", "animation", "avatar"]], Field(min_length=1, max_length=4)
]


class AnswerFields(Fields):
    """The fields that sessions and responses have in common."""

    modalities: _Modalities | None = None
    instructions: str | None = None
    voice: VoiceSettings | None = None
    output_audio_format: str | None = None
    tools: Annotated[list[_Tool], Field(max_length=128)] | None = None
    tool_choice: _ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    temperature: Annotated[float, Field(ge=0.6, le=1.2)] | None = None
    max_response_output_tokens: _TokenLimit | None = None
    max_output_tokens: _TokenLimit | None = None
    """The SDK's name of the field before."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    animation: _Animation | None = None
    metadata: _Metadata | None = None
    interim_response: _InterimResponse | None = None


class SessionFields(AnswerFields):
    """The session of `session.update`."""

    type: Literal["realtime"] | None = None
    model: Name | None = None
    input_audio_format: str | None = None
    input_audio_sampling_rate: int | None = None
    input_audio_noise_reduction: _NoiseReduction | None = None
    input_audio_echo_cancellation: _EchoCancellation | None = None
    input_audio_transcription: _Transcription | None = None
    turn_detection: _TurnDetection | None = None
    avatar: _Avatar | None = None
    output_audio_timestamp_types: list[Literal["word"]] | None = None
    include: list[str] | None = None


class ResponseFields(AnswerFields):
    """The response of `response.create`."""

    conversation: Literal["auto", "none"] | None = None
    commit: bool | None = None
    cancel_previous: bool | None = None
    input: list[InputItem] | None = None
    input_items: list[InputItem] | None = None
    """The SDK's name of the field before."""
    append_input_items: list[InputItem] | None = None
    pre_generated_assistant_message: AssistantMessage | None = None
    invoke_input: dict[str, Any] | None = None


SESSION: TypeAdapter[SessionFields] = TypeAdapter(SessionFields)
RESPONSE: TypeAdapter[ResponseFields] = TypeAdapter(ResponseFields)
