"""A long conversation: every sample accounted for, and nothing that grows.

    python -m benchmarks.soak                        # 15 minutes, an interruption every 2 s
    python -m benchmarks.soak --minutes 10 --kills 50

With `--kills`, processes of the program are killed (SIGKILL) or stopped (SIGSTOP) by turns, at
random times. Exits with 1 if a sample was lost, doubled or changed, or if something grew.
"""

import argparse
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.deaths import deaths_table, harm
from benchmarks.faults.account import account
from benchmarks.faults.conversation import LEAD_MS, TAIL_MS, Talk
from benchmarks.faults.kinds import UNRECORDED_MS
from benchmarks.faults.service import CodedService
from pipeline.bench.distribution import Distribution
from tests.support.program import Program
from tests.support.runs import HEARD, run_on_files
from tests.support.sound import read_wav

CYCLE_MS = 2_000
SAMPLE_EVERY_S = 5.0
MOST_GROWTH = 1.1
"""Of the second half's median over the first's."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What all processes of the program hold together."""

    memory_mb: float
    descriptors: int
    threads: int
    processes: int


class Sampler:
    """Looks at the program's resources every few seconds."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._ended = threading.Event()
        self.samples: list[Resources] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY_S):
            members = self._program.members()
            try:
                self.samples.append(
                    Resources(
                        sum(p.memory_full_info().pss for p in members) / 1e6,
                        sum(p.num_fds() for p in members),
                        sum(p.num_threads() for p in members),
                        len(members),
                    )
                )
            except psutil.Error:
                continue  # one has ended meanwhile


@contextmanager
def _conversation(talk: Talk, *flags: str) -> Iterator[tuple[Program, CodedService, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="voice-soak-") as folder,
        CodedService(talk) as service,
        run_on_files(service, Path(folder), talk.microphone, *flags) as program,
    ):
        yield program, service, Path(folder) / HEARD


def main() -> int:
    options = _options()
    questions = round((60_000 * options.minutes - LEAD_MS - TAIL_MS) / CYCLE_MS)
    talk = Talk(options.seed, questions, CYCLE_MS, long_every=1)
    duration_s = questions * CYCLE_MS / 1_000
    chosen = random.Random(options.seed)  # noqa: S311 - not used for secrets
    every_s = duration_s / (options.kills + 1)
    times_s = [(n + chosen.uniform(0.5, 1.0)) * every_s for n in range(options.kills)]
    with _conversation(talk, *options.flags) as (program, service, recording):
        program.wait_until(lambda: service.heard_samples or not program.running)
        with Sampler(program) as sampler:
            deaths = list(harm(program, service, times_s, options.seed))
            exit_code = program.wait_exit(duration_s + 120)
        killed_ms = UNRECORDED_MS * sum(death.name == "playback" for death in deaths)
        outcome = account(talk, service, read_wav(recording), killed_ms)
        said = program.said
    console = Console()
    console.print(_table(sampler.samples))
    console.print(deaths_table(deaths))
    console.print(outcome, f"sessions {len(service.sessions)}, deaths {len(deaths)}")
    grown = [] if options.kills else _grown(sampler.samples)
    console.print(f"exit code {exit_code}; grown: {', '.join(grown) or 'nothing'}")
    if exit_code or not outcome.complete:
        console.print(said[-4_000:], markup=False)
    return 1 if exit_code or grown or not (outcome.complete and outcome.exact) else 0


def _table(samples: list[Resources]) -> Table:
    table = Table("all processes together", "p50 of the first half", "of the second", "max")
    for field in fields(Resources):
        first, second = _halves(samples, field.name)
        if first and second:
            most = max(first.max, second.max)
            table.add_row(field.name, f"{first.p50:.4g}", f"{second.p50:.4g}", f"{most:.4g}")
    return table


def _halves(samples: list[Resources], name: str) -> tuple[Distribution | None, Distribution | None]:
    values = [float(getattr(sample, name)) for sample in samples]
    middle = len(values) // 2
    return Distribution.of(values[:middle]), Distribution.of(values[middle:])


def _grown(samples: list[Resources]) -> list[str]:
    grown = []
    for field in fields(Resources):
        first, second = _halves(samples, field.name)
        if first and second and second.p50 > MOST_GROWTH * first.p50:
            grown.append(field.name)
    return grown


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--kills", type=int, default=0, help="processes to kill or stop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("flags", nargs="*", help="flags of the program, after --")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
