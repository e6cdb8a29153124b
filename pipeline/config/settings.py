"""The settings of a session, each declared once.

Each field of `Settings` is one setting. Its name gives the flag (`--vad-threshold`) and the
environment name (`AZURE_VOICELIVE_VAD_THRESHOLD`); its type and `setting` give the rest. The
command line's options, the check of every value and the README's table all derive from that.
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
) -> _T:
    """Declare a field of `Settings` or of another dataclass that `options` reads.

    `minimum` and `maximum` belong to the range.
    """
    declared = {
        "meaning": meaning,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "secret": secret,
    }
    value: _T = field(default=default, repr=not secret, metadata=declared)
    return value


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run can be told. Units are in the names; `None` means not given."""

    endpoint: str | None = setting(
        None,
        "Your resource, such as https://NAME.services.ai.azure.com. "
        "Without one the built-in offline service is used.",
    )
    api_key: str | None = setting(
        None,
        "The resource's key. Prefer the environment or .env: other users can see a flag.",
        secret=True,
    )
    use_api_key: bool | None = setting(
        None,
        "Sign in with the key, or (no) with Microsoft Entra. "
        "By default with the key where there is one.",
    )
    api_version: str = setting("2026-07-15", "Version of the Voice Live API.")
    model: str = setting("gpt-realtime", "Any model that your resource offers.")
    voice: str = setting(
        "en-US-AvaNeural", "An Azure voice (its name has a hyphen) or an OpenAI voice (alloy)."
    )
    instructions: str = setting(
        "You are a helpful voice assistant. Be conversational and concise. Respond naturally.",
        "What the assistant is told before the conversation.",
    )
    turn_detection: str = setting(
        "server_vad",
        "How the service finds the end of your turn.",
        choices=(
            "server_vad",
            "azure_semantic_vad",
            "azure_semantic_vad_en",
            "azure_semantic_vad_multilingual",
        ),
    )
    vad_threshold: float = setting(
        0.5, "How sure the service must be that it hears speech.", minimum=0, maximum=1
    )
    prefix_padding_ms: int = setting(
        300, "Sound kept from before speech was detected.", minimum=0, maximum=10_000
    )
    silence_duration_ms: int = setting(
        500, "Silence that ends your turn.", minimum=0, maximum=10_000
    )
    interrupt_response: bool = setting(True, "Your speech interrupts the answer.")
    echo_cancellation: bool = setting(True, "The service removes its own voice from your sound.")
    noise_reduction: bool = setting(True, "The service removes background noise.")
    transcription: bool = setting(True, "Show what you said as text.")
    temperature: float | None = setting(
        None, "How varied the answers are. By default the model's own.", minimum=0.6, maximum=1.2
    )
    tools: tuple[str, ...] = setting(
        (),
        "A Python file whose functions the model may call. Give it again for more files; "
        "in the environment separate them as in PATH.",
    )
    tool_choice: str = setting(
        "auto", "When the model calls functions: auto, none, required, or the name of one."
    )
    tool_timeout_s: float = setting(
        30.0, "How long a function may take.", minimum=0.1, maximum=3_600
    )
    input: str | None = setting(
        None, "Microphone: number or part of the name of a device, or a .wav file to play as one."
    )
    output: str | None = setting(
        None, "Speaker: number or part of the name of a device, or a .wav file to record to."
    )
    frame_ms: int = setting(
        50, "Microphone sound sent at a time; shorter is quicker.", choices=("10", "20", "50")
    )
    period_ms: float | None = setting(
        None,
        "Sound that the device takes or gives at a time. By default the shortest that it keeps up "
        "with, 5 or more.",
        minimum=1,
        maximum=50,
    )
    offline: bool = setting(False, "Use the built-in service even if an endpoint is configured.")
    verbose: bool = setting(False, "Also show events, device facts and messages of libraries.")
    connect_timeout_s: float = setting(
        10.0, "How long the service may take to answer a connection.", minimum=0.1, maximum=300
    )
    reconnect_s: float = setting(
        30.0,
        "How long to try to reach a service again that broke off, or whose session is over; "
        "with 0 the conversation ends there.",
        minimum=0,
        maximum=3_600,
    )

    @property
    def uses_offline_service(self) -> bool:
        """Whether the built-in service answers instead of Azure."""
        return self.offline or self.endpoint is None

    @property
    def uses_api_key(self) -> bool:
        """Whether Azure is signed in to with the key; otherwise it is with Microsoft Entra."""
        return self.api_key is not None if self.use_api_key is None else self.use_api_key


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as the command line and the documentation see it."""

    name: str
    kind: type[bool] | type[int] | type[float] | type[str]
    repeatable: bool
    default: Any
    meaning: str
    choices: tuple[str, ...]
    minimum: float
    maximum: float
    secret: bool

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
        """The bounds as words, such as `0 to 1`; empty where there are none."""
        return f"{self.minimum:.10g} to {self.maximum:.10g}" if math.isfinite(self.minimum) else ""


@cache
def options(declaration: type = Settings) -> tuple[Option, ...]:
    """Return every setting in the order of declaration."""
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


def _kind(hint: Any) -> Any:  # noqa: ANN401 - a type of whatever shape the field declares
    return next((kind for kind in get_args(hint) if kind is not NoneType), hint)
