"""The report for people: what explains it first, the times last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.bench.distribution import Distribution
from pipeline.bench.ears.result import EarsResult
from pipeline.bench.ears.situations import ROUND_TRIPS_MS
from pipeline.bench.ears.verdict import added_microphone_ms, words_over_answers
from pipeline.bench.ears.words import Words
from pipeline.bench.keep_awake import kept_awake
from pipeline.bench.tables import table

_NOTES = """\
Times run from the first sample of a person's phrase at the microphone. The card's buffers are \
included: 5 ms of the virtual card, 10 ms in the room's path.
changes: the first sample of the answer that did not sound as it is. silent: its last sample.
missed: voices that the service noticed before the ears did; their times are included.
The scripted service notices a voice after 200 ms, and a network round trip later as far as this \
program is concerned.
by itself: the answer paused although nobody spoke. whole: the rest of the answer followed, and no \
sample was lost.
less after: sound of the first answer until 15 dB less echo was sent than the microphone heard. \
then less: after three seconds of sound.
for a person: how often the offline service takes the echo that was sent for a person, a minute \
of answers.
ears, % of core: while an answer sounds and nobody speaks; then while somebody speaks over most \
answers.
microphone: the card hands over the last sample of a frame → the service has it, while an answer \
sounds. beside a voice: or a noise, up to 0.7 s after it; ears keep it back until they know it.
speak: first delta on the wire → first sample at the card.
words: understood by the offline service. Over an answer that goes on and without an answer: of \
whole sentences of known text; over others: of phrases that it understands twice alike without one.
Not measured: the real network and service, a real card and room (--device), office noise and \
drift (benchmarks/ears.py simulates them).\
"""


@dataclass(frozen=True)
class EarsMeasured:
    """Everything that one run of `bench ears` has measured on the virtual card."""

    machine: dict[str, str]
    results: Sequence[EarsResult]
    clean: Words
    """The words of the sentences, understood without an answer."""
    let_sleep: bool
    """Whether idle processors might sleep."""
    disturbance: str
    """What other programs did meanwhile, in words; empty: nothing."""


def show(measured: EarsMeasured, console: Console) -> None:
    """Print the report."""
    for sentence in [*_NOTES.splitlines(), *kept_awake(let_sleep=measured.let_sleep)]:
        console.print(Text(sentence, style="dim"))
    machine = measured.machine
    facts = (machine["processor"], machine["memory"], machine["system"])
    console.print(Text(f"{', '.join(facts)}, Python {machine['python']}.", style="dim"))
    if measured.disturbance:
        console.print(Text(measured.disturbance, style="dim"))
    for part in (_echoes(measured.results), _words(measured), _pauses(measured.results)):
        console.print(part)
    console.print(_delays(measured.results))
    console.print(_interruptions(measured.results))


def _echoes(results: Sequence[EarsResult]) -> Table:
    columns = ("less after, s", "then less, dB", "for a person", "ears, % of core", "spoken over")
    made = table("Echo", *columns)
    for result in results:
        echo = result.echo
        audible = result.situation.echo_db is not None and result.situation.ears
        made.add_row(
            result.situation.name,
            _number(echo.learnt_after_s if audible else None, 1),
            _number(echo.settled_db if audible else None, 0),
            _number(result.taken_for_a_person * 60 / result.sent_s, 1),
            _percent(result.ears_share),
            _percent(result.ears_share_spoken_over),
        )
    return made


def _words(measured: EarsMeasured) -> Table:
    made = table("Words", "spoken", "wrong", "%")
    silenced = words_over_answers(measured.results, goes_on=False)
    rows = [("without an answer", measured.clean)]
    rows += [(r.situation.name, r.words) for r in measured.results if r.words.spoken]
    rows += [("all with ears at -12 dB that interrupt", silenced)]
    for name, words in rows:
        share = None if words.rate is None else words.rate * 100
        made.add_row(name, str(words.spoken), str(words.wrong), _number(share, 0))
    return made


def _pauses(results: Sequence[EarsResult]) -> Table:
    made = table(
        "Pauses without a voice",
        *("answers, s", "by itself", "a minute", "after noise", "whole", "max, ms"),
    )
    for result in results:
        if result.situation.barge_in == "service":
            continue
        pauses = result.pauses
        after_noise = [pause for pause in pauses if pause.cause != "nothing"]
        longest = max((pause.lasted_ms for pause in pauses), default=None)
        made.add_row(
            result.situation.name,
            _number(result.undisturbed_s, 0),
            str(result.false_pauses),
            _number(result.false_pauses * 60 / result.undisturbed_s, 1),
            f"{len(after_noise)} of {result.situation.noises}",
            f"{sum(pause.whole for pause in pauses)} of {len(pauses)}",
            _number(longest, 0),
        )
    return made


def _delays(results: Sequence[EarsResult]) -> Table:
    made = table("Milliseconds", "n", "p50", "p95", "max")
    for ears, name in ((True, "with ears"), (False, "--ears off")):
        chosen = [result for result in results if result.situation.ears is ears]
        _add_times(made, f"microphone, {name}", _joined(r.microphone.alone for r in chosen))
        kept_ms = _joined(r.microphone.kept for r in chosen)
        _add_times(made, f"microphone beside a voice, {name}", kept_ms)
        _add_times(made, f"speak, {name}", _joined(r.speak_ms for r in chosen))
    added_ms = added_microphone_ms(results)
    made.add_row("microphone later by the ears", "", _number(added_ms, 1), "", "")
    return made


def _interruptions(results: Sequence[EarsResult]) -> Table:
    columns = ("n", "missed", "changes p50", "silent p50", "p95", "max")
    made = table("Onset of a voice over an answer, ms", *columns)
    for result in results:
        if not result.situation.interruptions:
            continue
        _add_interruptions(made, Text(result.situation.name, style="bold"), result)
        for round_trip_ms in ROUND_TRIPS_MS if result.situation.echo_db == -12 else ():
            _add_interruptions(made, f"  round trip {round_trip_ms}", result, round_trip_ms)
    return made


def _add_interruptions(
    made: Table, name: str | Text, result: EarsResult, round_trip_ms: int | None = None
) -> None:
    found = [i for i in result.interruptions if round_trip_ms in {None, i.round_trip_ms}]
    changes = Distribution.of(i.change_ms for i in found)
    silences = Distribution.of(i.silence_ms for i in found)
    if changes is None or silences is None:
        made.add_row(name, "0", *["-"] * 5)
        return
    holds = result.situation.barge_in != "service"
    missed = str(sum(not i.noticed_here for i in found)) if holds else ""
    times = (changes.p50, silences.p50, silences.p95, silences.max)
    made.add_row(name, str(len(found)), missed, *(f"{time:.0f}" for time in times))


def _add_times(made: Table, name: str, values: Sequence[float]) -> None:
    found = Distribution.of(values)
    cells = ("-",) * 3
    if found is not None:
        cells = (f"{found.p50:.1f}", f"{found.p95:.1f}", f"{found.max:.1f}")
    made.add_row(name, str(len(values)), *cells)


def _joined(lists: Iterable[Sequence[float]]) -> list[float]:
    return [value for values in lists for value in values]


def _percent(share: float | None) -> str:
    return _number(None if share is None else share * 100, 1)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
