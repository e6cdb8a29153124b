"""Faults on demand, each declared once.

Each field of `Faults` is one fault. Its name gives the flag of `serve` (`--late-deltas`) and the
query parameter of a connection (`late-deltas`). The manual's table derives from it as well.
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
    """The faults of one connection; the defaults are those of a faultless service."""

    uplink_delay_ms: float = setting(
        0.0, "Delay of every event of the client.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    uplink_jitter_ms: float = setting(
        0.0,
        "Longest random delay in addition; the order is kept.",
        minimum=0,
        maximum=LONGEST_DELAY_MS,
    )
    downlink_delay_ms: float = setting(
        0.0, "Delay of every event of the service.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    downlink_jitter_ms: float = setting(
        0.0,
        "Longest random delay in addition; the order is kept.",
        minimum=0,
        maximum=LONGEST_DELAY_MS,
    )
    burst: float = setting(
        16.0, "How many times faster than real time answers are sent.", minimum=0.1, maximum=10_000
    )
    first_token_ms: float = setting(
        0.0, "Pause before every answer.", minimum=0, maximum=LONGEST_DELAY_MS
    )
    late_deltas: int = setting(
        0,
        "Number of audio deltas still sent after `speech_started`; "
        "every answer is held back by this number of deltas.",
        minimum=0,
        maximum=100,
    )
    stall_after_s: float = setting(
        0.0,
        "Time from the connection to a stall, in which nothing is sent.",
        minimum=0,
        maximum=LONGEST_SESSION_S,
    )
    stall_s: float = setting(0.0, "Length of the stall.", minimum=0, maximum=LONGEST_SESSION_S)
    drop_after_s: float | None = setting(
        None, "Time after which the connection ends.", minimum=0, maximum=LONGEST_SESSION_S
    )
    drop: str = setting(
        "close",
        "How it ends: close code 1000, as at the session's limit, or an aborted TCP connection.",
        choices=("close", "expire", "abort"),
    )
    session_limit_s: float = setting(
        1_800.0,
        "Longest life of a session; then error `session_expired` and close code 1001.",
        minimum=0.1,
        maximum=LONGEST_SESSION_S,
    )
    error_every_s: float | None = setting(
        None,
        "Time between error events that are sent in addition.",
        minimum=0.01,
        maximum=LONGEST_SESSION_S,
    )
    error_probability: float = setting(
        0.0, "Probability that an error event follows an event.", minimum=0, maximum=1
    )
    duplicate_probability: float = setting(
        0.0, "Probability that an event is sent twice.", minimum=0, maximum=1
    )
    unknown_probability: float = setting(
        0.0, "Probability that an event of an unknown type follows an event.", minimum=0, maximum=1
    )
    seed: int = setting(
        0,
        "Seed of jitter and probabilities: the same seed gives the same faults.",
        minimum=0,
        maximum=2**32 - 1,
    )


NO_FAULTS = Faults()


def from_flags(flags: Mapping[str, str | None]) -> Faults:
    """Return the faults of `serve`; raise `SettingsError` for an unusable value.

    :param flags: typed texts by field name; None for a flag that was not typed
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
