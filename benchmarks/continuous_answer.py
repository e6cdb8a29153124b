"""Play one long answer beside heavy load, and check that every sample sounds once and in order.

    scripted service ── an answer of many minutes, two seconds ahead ──▶ this program's processes
         └── a function call every second: it holds its interpreter for 300 ms      │
    four processes that compute without pause                                       ▼
                                                       recording at the virtual card, compared
                                                       with what was sent, sample by sample

python -m benchmarks.continuous_answer --minutes 10
"""

import argparse
import asyncio
import multiprocessing
import secrets
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from pipeline.bench import events
from pipeline.bench.measure import GIL_HOLDING_TOOL
from pipeline.bench.signals import answer
from pipeline.bench.stalls import LONG_NS, StallWatchers
from pipeline.bench.three_processes import three_processes
from pipeline.bench.voice_server import ClientConnection, local_listener, serve_until_stopped
from pipeline.bench.wav_files import read_wav, write_wav
from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ
from pipeline.system.event_loop import event_loop

MODULE = "benchmarks.continuous_answer"
BUSY_PROCESSES = 4
AHEAD_S = 2.0
DELTA_SAMPLES = SAMPLE_RATE_HZ * 300 // 1_000
CALL_EVERY_S = 1.0
PERIOD_MS = 5
POLL_S = 0.1
SLACK_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was heard of the answer."""

    sent_samples: int
    heard_samples: int
    wrong_samples: int
    """Places at which the recording differs from what was sent, silence within included."""
    function_calls: int
    missed_periods: int
    """Callbacks of the virtual card, in both directions, that took longer than its buffer lasts: a
    real card would have dropped sound."""
    missed_in_stalls: int
    """Callbacks that were late only because of machine stalls; not part of `missed_periods`."""
    machine_stalls: int
    """How often the machine itself stood still for 1.5 ms or more."""
    longest_stall_ms: float

    @property
    def exact(self) -> bool:
        """Whether no sample was lost, doubled or changed."""
        return self.heard_samples == self.sent_samples and not self.wrong_samples


def listen(seconds: float) -> Outcome:
    """Play an answer of `seconds` and compare what was heard with it.

    :raises PipelineError: a process failed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="voice-bench-") as folder,
        StallWatchers() as watchers,
        ChildProcesses() as instruments,
    ):
        spoken, heard = Path(folder) / "spoken.wav", Path(folder) / "heard.wav"
        write_wav(spoken, np.zeros(SAMPLE_RATE_HZ, np.int16))
        key, samples = secrets.token_urlsafe(24), round(seconds * SAMPLE_RATE_HZ)
        calls, sending = multiprocessing.Pipe(duplex=False)
        with local_listener() as (listener, endpoint):
            instruments.spawn("service", MODULE, key, samples, listener, sending)
        sending.close()
        for number in range(BUSY_PROCESSES):
            instruments.spawn(f"load {number}", "pipeline.bench.load")
        settings = Settings(
            endpoint=endpoint,
            api_key=key,
            input=str(spoken),
            output=str(heard),
            period_ms=PERIOD_MS,
            tools=(str(GIL_HOLDING_TOOL),),
        )
        with three_processes(PERIOD_MS).start(settings) as client:
            deadline_s = time.monotonic() + seconds + SLACK_S
            while client.state.played_samples < samples and time.monotonic() < deadline_s:
                client.wait_reports(POLL_S)
                for _ in instruments.reports(0):
                    pass  # failures are raised; other reports do not matter here
            time.sleep(POLL_S)  # sound after the end would be wrong samples
        observed = watchers.stalls()
        played = np.trim_zeros(read_wav(heard))
        called = calls.recv()
    stalls = observed.longer_than(LONG_NS)
    missed = client.state.missed_since(0, observed, PERIOD_MS * NS_PER_MS)
    common = min(len(played), samples)
    return Outcome(
        sent_samples=samples,
        heard_samples=len(played),
        wrong_samples=int(np.count_nonzero(played[:common] != answer(0, 0, common))),
        function_calls=called,
        missed_periods=len(missed.own),
        missed_in_stalls=len(missed.excused),
        machine_stalls=len(stalls.all),
        longest_stall_ms=stalls.longest_ms,
    )


def main(
    pipe: "Connection[Report, Command]",
    key: str,
    samples: int,
    listener: socket.socket,
    calls: "Connection[int, None]",
) -> None:
    """Entry point of the spawned service."""
    run_child(pipe, False, partial(_work, key, samples, listener, calls))


def _work(
    key: str,
    samples: int,
    listener: socket.socket,
    calls: "Connection[int, None]",
    link: SupervisorLink,
) -> None:
    async def converse(connection: ClientConnection) -> None:
        calls.send(await _converse(connection, samples))

    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serve_until_stopped(link, listener, key, converse))


async def _converse(connection: ClientConnection, samples: int) -> int:
    """Answer once the client is ready; return how many function calls it has returned."""
    talking: list[asyncio.Task[None]] = []
    returned = 0
    async for _, event in connection.received():
        if event["type"] == "session.update" and not talking:
            talking = [
                asyncio.create_task(_answer(connection, samples)),
                asyncio.create_task(_call_repeatedly(connection)),
            ]
        elif event["type"] == "conversation.item.create":
            returned += 1
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    return returned


async def _answer(connection: ClientConnection, samples: int) -> None:
    """Send the answer, never more than `AHEAD_S` before it can sound."""
    await connection.send(*events.answer_begins(0))
    begun_s = time.monotonic()
    for start in range(0, samples, DELTA_SAMPLES):
        await asyncio.sleep(begun_s + start / SAMPLE_RATE_HZ - AHEAD_S - time.monotonic())
        sound = answer(0, start, min(DELTA_SAMPLES, samples - start))
        await connection.send(events.answer_delta(0, sound))
    await connection.send(*events.answer_ends(0, "completed"))


async def _call_repeatedly(connection: ClientConnection) -> None:
    for number in count(1):
        await asyncio.sleep(CALL_EVERY_S)
        await connection.send(*events.function_call(number, "hold", response=0))


def _show(outcome: Outcome) -> None:
    for name, value in asdict(outcome).items():
        print(f"{name.replace('_', ' '):18} {value:12,}")
    print("every sample exact" if outcome.exact else "NOT EXACT")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    outcome = listen(60 * parser.parse_args().minutes)
    _show(outcome)
    sys.exit(0 if outcome.exact and not outcome.missed_periods else 1)
