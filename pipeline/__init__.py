"""A voice client for Azure Voice Live that can be interrupted at any moment.

As a library: `VoiceSession` is a conversation for programs with an event loop, and
`BlockingVoiceSession` the same for all others. See docs/api.md.
"""

TYPE_CHECKING = False  # imports nothing, not even typing: Ctrl-C may come at any moment

if TYPE_CHECKING:
    from pipeline.api.blocking import BlockingVoiceSession
    from pipeline.api.sound import (
        MicrophoneInput,
        SoundBlock,
        SoundDrop,
        SoundFormat,
        SpeakerOutput,
    )
    from pipeline.api.values import Heard, Metrics, Turn
    from pipeline.api.voice_session import VoiceSession
    from pipeline.config.environment import load_settings
    from pipeline.config.settings import Settings
    from pipeline.errors import (
        AuthenticationError,
        BusyError,
        DeviceError,
        EndpointError,
        MissingPackageError,
        PipelineError,
        ProcessDiedError,
        ResourceError,
        ServiceClosedError,
        SessionError,
        SettingsError,
        SoundError,
        TokenError,
        ToolError,
        UnansweredError,
        UsageError,
        WavError,
    )
    from pipeline.ipc.events import (
        Announcement,
        AssistantDone,
        AssistantSaid,
        ClockStarted,
        Connecting,
        Event,
        EventRead,
        Finished,
        Interrupted,
        Levels,
        Listening,
        Log,
        Loudness,
        Marked,
        Notice,
        Opened,
        PeriodsMissed,
        Processing,
        Ready,
        RecordingEnded,
        SessionReady,
        Started,
        ToolAnswered,
        ToolCalled,
        ToolCancelled,
        ToolPrinted,
        Trace,
        TraceEvent,
        UserSaid,
    )

__version__ = "0.1.0"

__all__ = [
    "Announcement",
    "AssistantDone",
    "AssistantSaid",
    "AuthenticationError",
    "BlockingVoiceSession",
    "BusyError",
    "ClockStarted",
    "Connecting",
    "DeviceError",
    "EndpointError",
    "Event",
    "EventRead",
    "Finished",
    "Heard",
    "Interrupted",
    "Levels",
    "Listening",
    "Log",
    "Loudness",
    "Marked",
    "Metrics",
    "MicrophoneInput",
    "MissingPackageError",
    "Notice",
    "Opened",
    "PeriodsMissed",
    "PipelineError",
    "ProcessDiedError",
    "Processing",
    "Ready",
    "RecordingEnded",
    "ResourceError",
    "ServiceClosedError",
    "SessionError",
    "SessionReady",
    "Settings",
    "SettingsError",
    "SoundBlock",
    "SoundDrop",
    "SoundError",
    "SoundFormat",
    "SpeakerOutput",
    "Started",
    "TokenError",
    "ToolAnswered",
    "ToolCalled",
    "ToolCancelled",
    "ToolError",
    "ToolPrinted",
    "Trace",
    "TraceEvent",
    "Turn",
    "UnansweredError",
    "UsageError",
    "UserSaid",
    "VoiceSession",
    "WavError",
    "load_settings",
]

_PLACES = {
    "BlockingVoiceSession": "pipeline.api.blocking",
    "VoiceSession": "pipeline.api.voice_session",
    "MicrophoneInput": "pipeline.api.sound",
    "SoundBlock": "pipeline.api.sound",
    "SoundDrop": "pipeline.api.sound",
    "SoundFormat": "pipeline.api.sound",
    "SpeakerOutput": "pipeline.api.sound",
    "Heard": "pipeline.api.values",
    "Metrics": "pipeline.api.values",
    "Turn": "pipeline.api.values",
    "load_settings": "pipeline.config.environment",
    "Settings": "pipeline.config.settings",
}
"""Where the names are that are neither errors nor events. All are imported when they are used, so
that the child processes and ``--help`` load nothing of it."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    rest = "pipeline.errors" if name.endswith("Error") else "pipeline.ipc.events"
    found: object = getattr(import_module(_PLACES.get(name, rest)), name)
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
