"""The report of a real card: what was heard, and the last line."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.bench.distribution import Distribution
from pipeline.bench.ears.real_card_result import RealCardResult
from pipeline.bench.ears.verdict import late_silences, unjudged_median
from pipeline.bench.machine import machine_facts
from pipeline.bench.tables import table
from pipeline.bench.verdict import Verdict

_NOTES = """\
Levels are in dBFS. echo: the answers, as the microphone hears them.
delay: the loudspeaker's own time of a sound → the microphone's own time of its echo.
learnt: sound of the answers until 15 dB less echo was sent. then less by: after three seconds.
Onsets of a voice are found in what was sent; they are exact to about 10 ms.\
"""


def show(result: RealCardResult, console: Console) -> None:
    """Print the report."""
    for sentence in _NOTES.splitlines():
        console.print(Text(sentence, style="dim"))
    made = table("The card and the room", "")
    for label, value, digits, unit in _rows(result):
        shown = "-" if value is None else f"{value:.{digits}f} {unit}"
        made.add_row(label, shown)
    console.print(made)
    if result.asked:
        console.print(_voices(result))


def judge(result: RealCardResult) -> Verdict:
    """Compare what was measured with the budgets."""
    return Verdict(tuple(_shortfalls(result)), " ".join(_unjudged(result)))


def _unjudged(result: RealCardResult) -> Iterator[str]:
    if not result.audible:
        yield "The microphone does not hear the loudspeaker: the echo was not judged."
    for why in dict.fromkeys(result.untimed):
        count = result.untimed.count(why)
        yield f"{count} of {result.noticed} voices could not be timed: {why}."
    yield from unjudged_median(result.silence_ms)


def write_json(path: Path, result: RealCardResult, settings: dict[str, Any]) -> None:
    document = {
        "machine": machine_facts(),
        "settings": settings,
        "result": {**asdict(result), "audible": result.audible},
    }
    path.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")


def _rows(result: RealCardResult) -> list[tuple[str, float | None, int, str]]:
    longest_ms = max((pause.lasted_ms for pause in result.pauses), default=None)
    return [
        ("noise before the first sound", result.noise_db, 0, "dB"),
        ("answers as given to the loudspeaker", result.played_db, 0, "dB"),
        ("echo", result.echo_db, 0, "dB"),
        ("delay", result.delay_ms, 1, "ms"),
        ("learnt", result.echo.learnt_after_s, 1, "s"),
        ("then less by", result.echo.settled_db, 0, "dB"),
        ("answers while nobody spoke", result.quiet_s, 0, "s"),
        ("pauses by themselves", len(result.pauses), 0, ""),
        ("the longest of them", longest_ms, 0, "ms"),
    ]


def _voices(result: RealCardResult) -> Table:
    columns = ("asked", "noticed", "timed", "p50", "p95", "max")
    made = table("Onset of your voice → silence, ms", *columns)
    found = Distribution.of(result.silence_ms)
    times = ("-",) * 3
    if found is not None:
        times = (f"{found.p50:.0f}", f"{found.p95:.0f}", f"{found.max:.0f}")
    counts = (result.asked, result.noticed, len(result.silence_ms))
    made.add_row("", *map(str, counts), *times)
    return made


def _shortfalls(result: RealCardResult) -> Iterator[str]:
    if result.pauses:
        yield f"{len(result.pauses)} pauses by themselves (budget 0)"
    if result.noticed < result.asked:
        yield f"{result.noticed} of {result.asked} voices noticed"
    yield from late_silences(result.silence_ms)
