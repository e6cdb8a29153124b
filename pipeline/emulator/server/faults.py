"""Faults on demand: what the service can be told to do badly, each declared once.

Each field of `Faults` is one fault. Its name gives the flag of `serve` (`--late-deltas`) and the
query parameter of a connection (`late-deltas`); the README's table derives from it as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.config.loader import parse
from pipeline.config.settings import Option, options, setting
from pipeline.config.tables import described, markdown_table

LONGEST_DELAY_MS = 60_000
LONGEST_SESSION_S = 86_400


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that can go wrong in one connection; by default nothing does."""

    uplink_delay_ms: float = setting(
        0.0, "Events of the client arrive this much later.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    uplink_jitter_ms: float = setting(
        0.0, "And up to this much more, in order.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    downlink_delay_ms: float = setting(
        0.0, "Events of the service leave this much later.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    downlink_jitter_ms: float = setting(
        0.0, "And up to this much more, in order.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    burst: float = setting(
        16.0, "Answers are sent this much faster than they sound.", minimum=0.1, maximum=10_000
    )
    first_token_ms: float = setting(
        0.0, "Every answer is thought over this long first.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    late_deltas: int = setting(
        0,
        "So many pieces of the interrupted answer follow `speech_started`; "
        "all answers are sent that many pieces later.",
        minimum=0,
        maximum=100,
    )
    stall_after_s: float = setting(
        0.0, "When to stop sending for a while.", minimum=0, maximum=LONGEST_SESSION_S
    )
    stall_s: float = setting(
        0.0, "How long to send nothing then.", minimum=0, maximum=LONGEST_SESSION_S
    )
    drop_after_s: float | None = setting(
        None, "When to end the connection.", minimum=0, maximum=LONGEST_SESSION_S
    )
    drop: str = setting(
        "close",
        "How to end it: close code 1000, as at the session's limit, or an aborted TCP connection.",
        choices=("close", "expire", "abort"),
    )
    session_limit_s: float = setting(
        1_800.0,
        "The session's longest life: error `session_expired`, then close code 1001.",
        minimum=0.1,
        maximum=LONGEST_SESSION_S,
    )
    error_every_s: float | None = setting(
        None, "Send an error event again and again.", minimum=0.01, maximum=LONGEST_SESSION_S
    )
    error_probability: float = setting(
        0.0, "How often an error event follows an event.", minimum=0, maximum=1
    )
    duplicate_probability: float = setting(
        0.0, "How often an event is sent twice.", minimum=0, maximum=1
    )
    unknown_probability: float = setting(
        0.0, "How often an event of an unknown type follows an event.", minimum=0, maximum=1
    )
    seed: int = setting(0, "The same seed, the same faults.", minimum=0, maximum=2**32 - 1)


NO_FAULTS = Faults()


def from_flags(flags: Mapping[str, str | None]) -> Faults:
    """Return the faults of `serve`; raise `SettingsError` for a value that cannot be used.

    :param flags: what was typed, by the names of the fields; None where nothing was
    """
    return _with(Faults(), {option: flags.get(option.name) for option in options(Faults)}, "--")


def from_query(query: Mapping[str, str], base: Faults) -> Faults:
    """Return the faults of a connection: its query over `base`; raise `SettingsError`."""
    return _with(base, {option: query.get(_in_query(option)) for option in options(Faults)}, "")


def faults_table() -> str:
    """Return the manual's table of faults, in Markdown."""
    head = ("flag", "query", "default", "meaning")
    rows = (
        (
            f"`{option.flag}`",
            f"`{_in_query(option)}`",
            "never" if option.default is None else f"`{option.default}`",
            described(option),
        )
        for option in options(Faults)
    )
    return markdown_table(head, rows)


def _with(base: Faults, given: Mapping[Option, str | None], mark: str) -> Faults:
    values = {
        option.name: parse(option, raw, f"{mark}{_in_query(option)}")
        for option, raw in given.items()
        if raw is not None
    }
    return replace(base, **values)  # type: ignore[arg-type] # parse checks each by its declaration


def _in_query(option: Option) -> str:
    return option.flag.removeprefix("--")
