"""Disturb conversations with faults of every kind, and account for every sample.

    python -m benchmarks.faults                     # every kind, five times, about ten minutes
    python -m benchmarks.faults --only kill --times 1

The microphone's frames and the answers' samples are all unlike each other, so that one that is
lost, doubled or changed is seen. Exits with 1 if a conversation did not survive, or not exactly.
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.faults.kinds import KINDS, Kind
from benchmarks.faults.trial import Outcome, hold, moment
from pipeline.bench.distribution import Distribution

LINES_SHOWN = 30
"""Of the end of what the program wrote in a conversation that failed."""
AT_ONCE = 3
"""Conversations side by side; each takes a twentieth of a processor."""


def main() -> int:
    options = _options()
    kinds = [kind for kind in KINDS if options.only in kind.name]
    random = np.random.default_rng(options.seed)
    trials = [
        (kind, moment(trial, options.times, random), options.seed + trial)
        for kind in kinds
        for trial in range(options.times)
    ]
    outcomes = _hold_all(trials)
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(_table(kinds, outcomes))
    failed = [outcome for outcome in outcomes if not outcome.faultless]
    for outcome in failed:
        console.print(_told(outcome), markup=False, highlight=False)
    return 1 if failed else 0


def _hold_all(trials: list[tuple[Kind, int, int]]) -> list[Outcome]:
    with Progress(console=Console(stderr=True)) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        task = progress.add_task("conversations", total=len(trials))
        outcomes = []
        for outcome in pool.map(lambda trial: hold(*trial), trials):
            outcomes.append(outcome)
            progress.advance(task)
    return outcomes


def _table(kinds: list[Kind], outcomes: list[Outcome]) -> Table:
    table = Table()
    table.add_column("fault")
    for name in ("tried", "survived", "away s (p50, max)", "answer paused s (max)"):
        table.add_column(name, justify="right")
    for name in ("mic lost", "mic doubled", "answers wrong", "repeated", "skipped", "left"):
        table.add_column(name, justify="right")
    for kind in kinds:
        table.add_row(kind.name, *_row([o for o in outcomes if o.kind == kind.name]))
    return table


def _row(outcomes: list[Outcome]) -> list[str]:
    accounts = [outcome.account for outcome in outcomes]
    away = Distribution.of(account.away_s for account in accounts)
    counts = (
        sum(account.lost_samples for account in accounts),
        sum(account.doubled_samples for account in accounts),
        sum(account.wrong_samples for account in accounts),
        sum(account.repeated_samples for account in accounts),
        sum(account.skipped_samples for account in accounts),
        sum(outcome.left for outcome in outcomes),
    )
    return [
        f"{len(outcomes)}",
        f"{sum(outcome.survived for outcome in outcomes)}",
        f"{away.p50:.2f} {away.max:.2f}" if away else "",
        f"{max((account.paused_s for account in accounts), default=0):.2f}",
        *map(str, counts),
    ]


def _told(outcome: Outcome) -> str:
    errors = ", ".join(
        f"{name} {value}" for name, value in asdict(outcome.account).items() if value
    )
    said = "\n".join(f"    {line}" for line in outcome.said.splitlines()[-LINES_SHOWN:])
    return (
        f"\n{outcome.kind} at {outcome.moment_ms} ms: {errors}, exit code {outcome.exit_code}, "
        f"left {outcome.left}\n{said}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="how often each kind is tried")
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write all outcomes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
