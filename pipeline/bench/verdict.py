"""The last line of a report: passed, or what fell short of the budgets and limits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.bench.distribution import Budget, Distribution, least_percentile
from pipeline.bench.handoff import Handoffs
from pipeline.bench.live import Conversation
from pipeline.bench.metrics import CUT, FAULTS, METRICS
from pipeline.bench.options import CUTS, BenchOptions
from pipeline.bench.result import Result

HANDOFF_BUDGET_MS = Budget(0.05, 0.5)

LONGEST_PERIOD_MS = 5.0
"""The budgets of times hold for device periods up to this length."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What fell short, in words; what was not judged."""

    shortfalls: tuple[str, ...]
    unjudged: str = ""

    def __str__(self) -> str:
        line = f"Fell short: {'; '.join(self.shortfalls)}" if self.shortfalls else "Passed"
        return f"{line}.{' ' if self.unjudged else ''}{self.unjudged}"


def judge(results: Sequence[Result], handoffs: Handoffs, options: BenchOptions) -> Verdict:
    """Compare what was measured of this program with the budgets and the limits of `options`."""
    in_budget = options.period_ms <= LONGEST_PERIOD_MS
    times = [*_slow(results), *_slow_handoff(handoffs)] if in_budget else []
    unjudged = (
        ""
        if in_budget
        else f"Times were not judged: the budgets are for periods of {LONGEST_PERIOD_MS:g} ms or "
        f"less, and this was measured with {options.period_ms:g} ms."
    )
    return Verdict((*times, *_faulty(results), *limits_exceeded(results, options)), unjudged)


def judge_live(conversations: Sequence[Conversation], period_ms: float) -> Verdict:
    """Judge the cuts of conversations with a real service; its other times contain the service."""
    if period_ms > LONGEST_PERIOD_MS:
        return Verdict((), f"Cuts were not judged: the period was {period_ms:g} ms.")
    cuts_ms = [cut_ms for conversation in conversations for cut_ms in conversation.cuts_ms]
    if not cuts_ms:
        return Verdict(("no answer was cut",))
    return Verdict(tuple(_over_budget(CUT.label, CUT.budget, cuts_ms)), "Only cuts are judged.")


def limits_exceeded(results: Iterable[Result], options: BenchOptions) -> Iterator[str]:
    """Yield each limit of `options` that a result exceeds."""
    for result in results:
        cut = Distribution.of(CUT.values(result))
        if options.max_cut_ms is not None and (cut is None or cut.p99 > options.max_cut_ms):
            found = "no answer was cut" if cut is None else f"cut p99 {cut.p99:.1f} ms"
            yield f"{found} (limit {options.max_cut_ms:g}) in {result.scenario}"
        if options.max_dropouts is not None and result.dropouts > options.max_dropouts:
            yield f"{result.dropouts} dropouts (limit {options.max_dropouts}) in {result.scenario}"


def _slow(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        for metric in METRICS:
            budget = metric.budget_in(result.scenario)
            for words in _over_budget(metric.label, budget, metric.values(result)):
                yield f"{words} in {result.scenario}"


def _slow_handoff(handoffs: Handoffs) -> Iterator[str]:
    values_ms = [us / 1_000 for us in handoffs.ring_us]
    return _over_budget("ring hand-off", HANDOFF_BUDGET_MS, values_ms, digits=3)


def _over_budget(
    label: str, budget: Budget | None, values_ms: Iterable[float], digits: int = 1
) -> Iterator[str]:
    measured = list(values_ms)
    found = Distribution.of(measured)
    if budget is None or found is None:
        return
    # A median of a few values may be above the budget by chance.
    least_ms = found.p50 if len(measured) >= CUTS else least_percentile(measured, 50)
    if least_ms > budget.p50:
        yield f"{label} p50 {found.p50:.{digits}f} ms (budget {budget.p50:g})"
    if budget.p99 is not None and found.p99 > budget.p99:
        yield f"{label} p99 {found.p99:.{digits}f} ms (budget {budget.p99:g})"


def _faulty(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        for fault in FAULTS:
            if value := fault.value(result):
                yield f"{fault.label} {value:g} (budget 0) in {result.scenario}"
