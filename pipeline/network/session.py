"""Settings and turns as the SDK's models: what the service is told."""

from collections.abc import Callable
from typing import Any, Literal

from azure.ai.voicelive.models import (
    AssistantMessageItem,
    AudioEchoCancellation,
    AudioInputTranscriptionOptions,
    AudioNoiseReduction,
    AudioTimestampType,
    AzureSemanticVad,
    AzureSemanticVadEn,
    AzureSemanticVadMultilingual,
    AzureStandardVoice,
    FunctionTool,
    InputAudioFormat,
    InputTextContentPart,
    MessageItem,
    Modality,
    OutputAudioFormat,
    OutputTextContentPart,
    RequestSession,
    ServerVad,
    ToolChoiceFunctionSelection,
    TurnDetection,
    UserMessageItem,
)

from pipeline.config.settings import Settings
from pipeline.ipc.commands import ToolSchema
from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.system.text import encodable

_TURN_DETECTIONS: dict[str, Callable[..., TurnDetection]] = {
    "server_vad": ServerVad,
    "azure_semantic_vad": AzureSemanticVad,
    "azure_semantic_vad_en": AzureSemanticVadEn,
    "azure_semantic_vad_multilingual": AzureSemanticVadMultilingual,
}


def build_session(settings: Settings, tools: tuple[ToolSchema, ...] = ()) -> RequestSession:
    """Return the session that `settings` describe: PCM16 at 24 kHz both ways, text and audio.

    A feature that is off is left out: the service refuses null in some places.
    """
    wanted: dict[str, Any] = {
        "modalities": [Modality.TEXT, Modality.AUDIO],
        "instructions": encodable(settings.instructions),
        "voice": _voice(settings.voice),
        "input_audio_format": InputAudioFormat.PCM16,
        "output_audio_format": OutputAudioFormat.PCM16,
        "output_audio_timestamp_types": _timestamp_types(settings.voice) or None,
        "input_audio_sampling_rate": SAMPLE_RATE_HZ,
        "turn_detection": _turn_detection(settings),
        "input_audio_echo_cancellation": _echo_cancellation(settings.echo_removal),
        "input_audio_noise_reduction": (
            AudioNoiseReduction(type="azure_deep_noise_suppression")
            if settings.noise_reduction
            else None
        ),
        "input_audio_transcription": (
            AudioInputTranscriptionOptions(model=_transcription_model(settings.model))
            if settings.transcription
            else None
        ),
        "temperature": settings.temperature,
        "tools": [_function_tool(tool) for tool in tools] or None,
        "tool_choice": _tool_choice(settings.tool_choice) if tools else None,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    if settings.sends_marked_turns:
        given["turn_detection"] = None  # left out, it would be on
    return RequestSession(**given)


def session_change(instructions: str | None, voice: str | None) -> RequestSession:
    """Return what changes of a session; None: as it is."""
    wanted: dict[str, Any] = {
        "instructions": None if instructions is None else encodable(instructions),
        "voice": None if voice is None else _voice(voice),
        "output_audio_timestamp_types": None if voice is None else _timestamp_types(voice),
    }
    return RequestSession(**{name: value for name, value in wanted.items() if value is not None})


def message_item(role: Literal["user", "assistant"], words: str) -> MessageItem:
    """Return what one side said as an item of the conversation."""
    if role == "user":
        return UserMessageItem(content=[InputTextContentPart(text=words)])
    return AssistantMessageItem(content=[OutputTextContentPart(text=words)])


def _voice(name: str) -> AzureStandardVoice | str:
    """Azure's voices have a hyphen in the name (en-US-AvaNeural), OpenAI's do not (alloy)."""
    return AzureStandardVoice(name=name) if "-" in name else name


def _timestamp_types(voice: str) -> list[AudioTimestampType]:
    """Ask for the times of words where they exist: Azure's voices have them."""
    return [AudioTimestampType.WORD] if "-" in voice else []


def _echo_cancellation(removal: str) -> AudioEchoCancellation | None:
    if removal == "client-reference":
        return AudioEchoCancellation(reference_source="client", channels=2)
    return AudioEchoCancellation() if removal == "server" else None


def _turn_detection(settings: Settings) -> TurnDetection | None:
    if settings.sends_marked_turns:
        return None
    # auto_truncate stays off: it assumes that audio is heard as it arrives. The pipeline knows
    # what was heard, and truncates by that.
    return _TURN_DETECTIONS[settings.turn_detection](
        threshold=settings.vad_threshold,
        prefix_padding_ms=settings.prefix_padding_ms,
        silence_duration_ms=settings.silence_duration_ms,
        interrupt_response=settings.interrupt_response,
        create_response=True,
        auto_truncate=False,
    )


def _function_tool(tool: ToolSchema) -> FunctionTool:
    return FunctionTool(
        name=tool.name, description=tool.description, parameters=dict(tool.parameters)
    )


def _tool_choice(choice: str) -> str | ToolChoiceFunctionSelection:
    """The protocol's own words, or the name of the one function to call."""
    if choice in ("auto", "none", "required"):
        return choice
    return ToolChoiceFunctionSelection(name=choice)


def _transcription_model(model: str) -> str:
    """Realtime models transcribe with Whisper, cascaded ones with Azure's speech service."""
    return "whisper-1" if "realtime" in model else "azure-speech"
