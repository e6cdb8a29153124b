"""The last line of the report: passed, or what fell short of the budgets."""

import math
from collections.abc import Iterator, Sequence

from pipeline.bench.distribution import Distribution, least_percentile
from pipeline.bench.ears.result import EarsResult
from pipeline.bench.ears.words import Words
from pipeline.bench.verdict import Verdict

SILENCE_P50_MS = 80.0
SILENCE_P95_MS = 220.0
LOUD_ECHO_P95_MS = 300.0
ADDED_MICROPHONE_MS = 12.0
EARS_SHARE = 0.04
WORDS_FACTOR = 1.5
WORDS_LEAST = 0.05
"""A share of wrong words below this always passes."""


def judge(results: Sequence[EarsResult], clean: Words) -> Verdict:
    """Compare what was measured with the budgets."""
    holding = [result for result in results if result.situation.barge_in == "hold"]
    return Verdict(
        (
            *_slow(holding),
            *(shortfall for result in holding for shortfall in _wrong(result)),
            *_microphone(results),
            *_share(results),
            *_misunderstood(results, clean),
        ),
        " ".join(_unjudged(results, clean)),
    )


def added_microphone_ms(results: Sequence[EarsResult]) -> float | None:
    """Return how much later the ears let the microphone be sent (p50); None: not measured."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for result in results:
        found[result.situation.ears] += result.microphone.alone
    with_ears, without = Distribution.of(found[True]), Distribution.of(found[False])
    return with_ears.p50 - without.p50 if with_ears and without else None


def words_over_answers(results: Sequence[EarsResult], *, goes_on: bool) -> Words:
    """Return the words that ears sent over answers at -12 dB.

    :param goes_on: over those that nothing interrupts; else over those that the words interrupt.
    """
    words = Words()
    for result in results:
        situation = result.situation
        if situation.ears and situation.echo_db == -12 and situation.spoken_over is goes_on:
            words.add(result.words)
    return words


def late_silences(
    silences_ms: Sequence[float], p50_ms: float = SILENCE_P50_MS, p95_ms: float = SILENCE_P95_MS
) -> Iterator[str]:
    """Yield each percentile that is above its budget, unless few values can be so by chance."""
    found = Distribution.of(silences_ms)
    if found is None:
        return
    for percent, value_ms, budget_ms in ((50, found.p50, p50_ms), (95, found.p95, p95_ms)):
        if least_percentile(silences_ms, percent) > budget_ms:
            yield f"onset to silence p{percent} {value_ms:.0f} ms (budget {budget_ms:g})"


def unjudged_median(silences_ms: Sequence[float], where: str = "") -> Iterator[str]:
    """Yield a sentence if values are too few to tell anything of their median."""
    if silences_ms and least_percentile(silences_ms, 50) == -math.inf:
        yield f"The p50{where} was not judged: {len(silences_ms)} of at least 5 voices."


def _slow(results: Sequence[EarsResult]) -> Iterator[str]:
    for result in results:
        echo_db = result.situation.echo_db
        silences_ms = [interruption.silence_ms for interruption in result.interruptions]
        p50_ms = SILENCE_P50_MS if echo_db == -12 else math.inf
        p95_ms = LOUD_ECHO_P95_MS if echo_db is not None and echo_db >= 0 else SILENCE_P95_MS
        for shortfall in late_silences(silences_ms, p50_ms, p95_ms):
            yield f"{shortfall} in {result.situation.name}"


def _wrong(result: EarsResult) -> Iterator[str]:
    if result.false_pauses:
        yield f"{result.false_pauses} pauses for nothing (budget 0) in {result.situation.name}"
    if broken := sum(not pause.whole for pause in result.pauses):
        yield f"{broken} answers not whole after a pause (budget 0) in {result.situation.name}"


def _microphone(results: Sequence[EarsResult]) -> Iterator[str]:
    added_ms = added_microphone_ms(results)
    if added_ms is not None and added_ms > ADDED_MICROPHONE_MS:
        yield f"microphone {added_ms:.1f} ms later by the ears (budget {ADDED_MICROPHONE_MS:g})"


def _share(results: Sequence[EarsResult]) -> Iterator[str]:
    shares = [result.ears_share for result in results if result.ears_share is not None]
    if shares and max(shares) > EARS_SHARE:
        yield f"the ears use {max(shares):.1%} of a core (budget {EARS_SHARE:.0%})"


def _misunderstood(results: Sequence[EarsResult], clean: Words) -> Iterator[str]:
    budgets = [("falls silent", False, WORDS_LEAST)]
    if _understood(clean):
        budgets.append(("goes on", True, max(WORDS_FACTOR * (clean.rate or 0.0), WORDS_LEAST)))
    for name, goes_on, most in budgets:
        rate = words_over_answers(results, goes_on=goes_on).rate
        if rate is not None and rate > most:
            yield (
                f"{rate:.0%} of the words over an answer that {name} understood wrongly "
                f"(budget {most:.0%})"
            )


def _unjudged(results: Sequence[EarsResult], clean: Words) -> Iterator[str]:
    for result in results:
        if result.situation.barge_in == "hold" and result.situation.echo_db == -12:
            silences_ms = [interruption.silence_ms for interruption in result.interruptions]
            yield from unjudged_median(silences_ms, f" in {result.situation.name}")
    spoken_over = any(result.words.spoken for result in results if result.situation.spoken_over)
    if spoken_over and not _understood(clean):
        yield (
            "The words over an answer that goes on were not judged: the offline service "
            "understands none of them without an answer."
        )


def _understood(clean: Words) -> bool:
    return clean.wrong < clean.spoken
