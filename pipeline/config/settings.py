"""The settings of a session, each declared once.

Each field of `Settings` is one setting. Its name gives the flag (`--vad-threshold`) and the
environment name (`AZURE_VOICELIVE_VAD_THRESHOLD`); its type and `setting` give the rest. The
command line's options, the check of every value and the manual's table all derive from that.
"""

import math
from dataclasses import dataclass, field, fields
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

PREFIX = "AZURE_VOICELIVE_"

_T = TypeVar("_T")


def setting(
    default: _T,
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float = -math.inf,
    maximum: float = math.inf,
    secret: bool = False,
    counted: bool = False,
) -> _T:
    """Declare a field of `Settings` or of another dataclass that `options` reads.

    `minimum` and `maximum` belong to the range. `counted`: a flag without a value, whose
    repetitions count.
    """
    declared = {
        "meaning": meaning,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "secret": secret,
        "counted": counted,
    }
    value: _T = field(default=default, repr=not secret, metadata=declared)
    return value


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run. Units are in the names; `None` means not given."""

    endpoint: str | None = setting(
        None,
        "Your resource, such as https://NAME.services.ai.azure.com. "
        "Without one, the built-in offline service is used.",
    )
    api_key: str | None = setting(
        None,
        "The resource's key. Prefer the environment or .env: other users can see a flag.",
        secret=True,
    )
    use_api_key: bool | None = setting(
        None,
        "Sign in with the key; off: with Microsoft Entra. By default with the key if there is one.",
    )
    api_version: str = setting("2026-07-15", "Version of the Voice Live API.")
    model: str = setting("gpt-realtime", "Model that answers; any that your resource offers.")
    voice: str = setting(
        "en-US-AvaNeural", "An Azure voice (its name has a hyphen) or an OpenAI voice (alloy)."
    )
    instructions: str = setting(
        "You are a helpful voice assistant. Be conversational and concise. Respond naturally.",
        "Instructions for the assistant.",
    )
    turn_detection: str = setting(
        "server_vad",
        "How the service detects your turns; none: the space key marks them, or a program that "
        "uses the library.",
        choices=(
            "none",
            "server_vad",
            "azure_semantic_vad",
            "azure_semantic_vad_en",
            "azure_semantic_vad_multilingual",
        ),
    )
    vad_threshold: float = setting(
        0.5, "How sure the service must be that you speak.", minimum=0, maximum=1
    )
    prefix_padding_ms: int = setting(
        300, "Sound before detected speech that counts as speech.", minimum=0, maximum=10_000
    )
    silence_duration_ms: int = setting(
        500, "Silence that ends your turn.", minimum=0, maximum=10_000
    )
    interrupt_response: bool = setting(True, "Interrupt the answer when you speak.")
    noise_reduction: bool = setting(True, "Let the service remove background noise.")
    transcription: bool = setting(True, "Show what you said as text.")
    read_ahead: bool = setting(
        False, "Show the words of an answer as they arrive; off: as they are heard."
    )
    temperature: float | None = setting(
        None,
        "How varied the answers are. By default as the model sets it.",
        minimum=0.6,
        maximum=1.2,
    )
    tools: tuple[str, ...] = setting(
        (),
        "Python file whose functions the model may call. Repeat the flag for more files; "
        "in the environment, separate them as in PATH.",
    )
    tool_choice: str = setting(
        "auto", "When the model calls functions: auto, none, required, or a function's name."
    )
    tool_timeout_s: float = setting(
        30.0, "Longest time that a function may take.", minimum=0.1, maximum=3_600
    )
    input: str | None = setting(
        None, "Microphone: a device's number or part of its name, or a .wav file to play instead."
    )
    output: str | None = setting(
        None, "Speaker: a device's number or part of its name, or a .wav file to record to."
    )
    overwrite: bool = setting(False, "Replace the file that --output names, if there is one.")
    record: str | None = setting(
        None,
        "New folder to record the conversation to: both voices, all events, what was said.",
    )
    ears: str = setting(
        "auto",
        "Whether this program itself listens for you while an answer sounds. By default with sound "
        "cards, not with files.",
        choices=("auto", "on", "off"),
    )
    barge_in: str = setting(
        "hold",
        "What the ears do when you probably speak over an answer: pause it until the service has "
        "decided (hold), go on quietly beneath (duck), pause it and then interrupt it themselves "
        "(local), or leave it to the service alone (service).",
        choices=("hold", "duck", "local", "service"),
    )
    endpointing: str = setting(
        "service",
        "Who notices the end of your turn: the service by --turn-detection, or the ears (local), "
        "which tell the service at once. Both wait for --silence-duration-ms.",
        choices=("service", "local"),
    )
    echo: str = setting(
        "auto",
        "Where the answer's echo is removed from the microphone: here by the ears (local); by the "
        "service, from what it sent (server) or from what sounds, as a second channel "
        "(client-reference); nowhere (off). By default server with Azure, local with the offline "
        "service.",
        choices=("auto", "local", "server", "client-reference", "off"),
    )
    ready_tone: str = setting(
        "auto",
        "A soft tone when you can speak, from which the ears learn the loudspeaker's echo before "
        "the first answer. By default if there are ears; never in a file.",
        choices=("auto", "on", "off"),
    )
    frame_ms: int = setting(
        50, "Length of the microphone's frames; shorter is faster.", choices=("10", "20", "50")
    )
    period_ms: float | None = setting(
        None,
        "Length of the device's periods. By default the shortest that it keeps up with, from 5 ms.",
        minimum=1,
        maximum=50,
    )
    offline: bool = setting(False, "Use the built-in service even if an endpoint is configured.")
    verbose: int = setting(
        0,
        "Also show events, times, device facts and library messages; "
        "2 (the flag twice): what the sound libraries print, too.",
        minimum=0,
        maximum=2,
        counted=True,
    )
    connect_timeout_s: float = setting(
        10.0, "Longest time for setting up a session.", minimum=0.1, maximum=300
    )
    session_minutes: float = setting(
        25.0,
        "When the next session takes over from the one before, in a quiet moment; "
        "earlier if the service announces an earlier end.",
        minimum=0.01,
        maximum=1_440,
    )
    reconnect_s: float = setting(
        300.0,
        "How long to try to reconnect after a lost connection or an expired session; "
        "0 ends the conversation instead.",
        minimum=0,
        maximum=3_600,
    )

    @property
    def marks_turns(self) -> bool:
        """Whether the program marks the user's turns, and only they leave the microphone."""
        return self.turn_detection == "none"

    @property
    def ears_mark_turns(self) -> bool:
        """Whether the ears mark the user's turns, and only they leave the microphone."""
        return self.endpointing == "local"

    @property
    def sends_marked_turns(self) -> bool:
        """Whether only turns that are marked on this side leave the microphone."""
        return self.marks_turns or self.ears_mark_turns

    @property
    def echo_removal(self) -> str:
        """Where the answer's echo is removed: `echo`, decided if it is auto."""
        if self.echo != "auto":
            return self.echo
        return "local" if self.uses_offline_service else "server"

    @property
    def sends_reference(self) -> bool:
        """Whether the service gets what sounds beside the microphone, as a second channel."""
        return self.echo_removal == "client-reference"

    @property
    def uses_offline_service(self) -> bool:
        """Whether the built-in service answers instead of Azure."""
        return self.offline or self.endpoint is None

    @property
    def uses_api_key(self) -> bool:
        """Whether the key signs in to Azure; otherwise Microsoft Entra does."""
        return self.api_key is not None if self.use_api_key is None else self.use_api_key


@dataclass(frozen=True, slots=True)
class Option:
    """One declared setting, for the command line and the documentation."""

    name: str
    kind: type[bool] | type[int] | type[float] | type[str]
    repeatable: bool
    default: Any
    meaning: str
    choices: tuple[str, ...]
    minimum: float
    maximum: float
    secret: bool
    counted: bool

    @property
    def flag(self) -> str:
        """The flag as typed, such as `--vad-threshold`."""
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        """The name in the environment and in .env."""
        return PREFIX + self.name.upper()

    @property
    def range(self) -> str:
        """The bounds as text, such as `0 to 1`; empty if there are none."""
        return f"{self.minimum:.10g} to {self.maximum:.10g}" if math.isfinite(self.minimum) else ""


@cache
def options(declaration: type = Settings) -> tuple[Option, ...]:
    """Return every field of `declaration` as an option, in order."""
    hints = get_type_hints(declaration)
    return tuple(
        Option(
            f.name,
            _kind(hints[f.name]),
            get_origin(hints[f.name]) is tuple,
            f.default,
            **f.metadata,
        )
        for f in fields(declaration)
    )


def _kind(hint: Any) -> Any:  # noqa: ANN401 - any type hint
    return next((kind for kind in get_args(hint) if kind is not NoneType), hint)
