"""One conversation with one fault."""

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.faults.account import Account, account
from benchmarks.faults.conversation import CYCLE_MS, LEAD_MS, QUESTIONS, Talk
from benchmarks.faults.kinds import Kind, Scene
from benchmarks.faults.service import CodedService
from pipeline.pcm import SAMPLE_RATE_HZ, ms_to_samples
from tests.support.program import Program
from tests.support.runs import HEARD, run_on_files
from tests.support.sound import read_wav
from tests.support.voice_processes import voice_processes

TOOL = Path(__file__).with_name("slow_tool.py")
FIRST_QUESTION = 1
CYCLES = 3
"""Faults happen within these cycles of the conversation, from `FIRST_QUESTION` on."""
LEAVING_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did to one conversation."""

    kind: str
    moment_ms: int
    """Of the fault, in the microphone's signal."""
    account: Account
    exit_code: int
    left: int
    """Processes and segments left behind."""
    said: str
    """What the program wrote."""

    @property
    def survived(self) -> bool:
        rest_missing = "in the middle of an answer" in self.said
        return self.exit_code == int(rest_missing) and self.account.complete

    @property
    def faultless(self) -> bool:
        return self.survived and self.account.exact and not self.left


def moment(trial: int, trials: int, random: np.random.Generator) -> int:
    """Return a sample of the microphone: trials are spread over the phases of a cycle."""
    cycles = FIRST_QUESTION + int(random.integers(CYCLES)) + (trial + random.random()) / trials
    return ms_to_samples(LEAD_MS) + round(cycles * ms_to_samples(CYCLE_MS))


def hold(kind: Kind, at_sample: int, seed: int, questions: int = QUESTIONS) -> Outcome:
    """Hold the conversation of `seed`, and do the fault when the service has heard so much."""
    talk = Talk(seed, questions)
    tools = ("--tools", TOOL) if kind.calls else ()
    with (
        tempfile.TemporaryDirectory(prefix="voice-fault-") as folder,
        CodedService(talk, calls=kind.calls) as service,
        run_on_files(service, Path(folder), talk.microphone, *tools, *kind.flags) as program,
    ):
        processes = processes_of(program, service, tools=kind.calls)
        program.wait_until(lambda: not program.running or service.heard_samples >= at_sample)
        segments = program.segments()
        with suppress(ConnectionError):  # the client may leave for what is sent to it
            kind.harm(Scene(program, service, processes))
        exit_code = program.wait_exit(120)
        return Outcome(
            kind=kind.name,
            moment_ms=at_sample * 1_000 // SAMPLE_RATE_HZ,
            account=account(talk, service, read_wav(Path(folder) / HEARD), kind.unrecorded_ms),
            exit_code=exit_code,
            left=_left(program, segments),
            said=program.said,
        )


def processes_of(
    program: Program, service: CodedService, *, tools: bool = False
) -> dict[str, psutil.Process]:
    """Return the program's first processes by name, as soon as all have started."""
    program.wait_until(lambda: service.heard_samples or not program.running)
    processes = voice_processes(program)
    if tools:
        known = {process.pid for process in processes.values()}
        processes["tools"] = next(p for p in program.children() if p.pid not in known)
    return processes


def _left(program: Program, segments: set[Path]) -> int:
    """Return how many processes and segments are still there, after some time to go."""
    deadline_s = time.monotonic() + LEAVING_S
    while program.members() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return len(program.members()) + sum(segment.exists() for segment in segments)
