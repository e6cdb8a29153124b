"""One long answer beside everything that disturbs: every sample of it heard, once and in order.

    scripted service ── an answer of many minutes, two seconds ahead ──▶ this program's processes
         └── a function call every second: it holds its interpreter for 300 ms      │
    four processes that compute without pause                                       ▼
                                                       recording at the virtual card, compared
                                                       with what was sent, sample by sample

python -m benchmarks.continuous_answer --minutes 10
"""

import argparse
import asyncio
import json
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
from aiohttp import web

from pipeline.bench import events
from pipeline.bench.measure import GIL_HOLDING_TOOL
from pipeline.bench.signals import answer, read_wav, write_wav
from pipeline.bench.stalls import LONG_NS, StallWatchers
from pipeline.bench.three_processes import three_processes
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
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the answer."""

    sent_samples: int
    heard_samples: int
    wrong_samples: int
    """Places at which the recording differs from what was sent, silence within included."""
    function_calls: int
    missed_periods: int
    """Callbacks of the virtual card, in either direction, that took longer than its buffer holds:
    a real card would have sounded silence."""
    missed_in_stalls: int
    """Those that would have been in time had the machine not stood still; not among the others."""
    machine_stalls: int
    """Times that the machine itself stood still for 1.5 ms or more."""
    longest_stall_ms: float

    @property
    def exact(self) -> bool:
        """Not one sample lost, doubled or changed."""
        return self.heard_samples == self.sent_samples and not self.wrong_samples


def listen(seconds: float) -> Outcome:
    """Have an answer of that length played, and compare.

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
        with socket.create_server(("127.0.0.1", 0)) as listener:
            endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
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
            deadline_s = time.monotonic() + seconds + PATIENCE_S
            while client.state.played_samples < samples and time.monotonic() < deadline_s:
                client.wait_reports(POLL_S)
                for _ in instruments.reports(0):
                    pass  # only failures count, and they are raised
            time.sleep(POLL_S)  # whatever comes after the end would be wrong
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
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(_serve(key, samples, listener, calls, link))


async def _serve(
    key: str,
    samples: int,
    listener: socket.socket,
    calls: "Connection[int, None]",
    link: SupervisorLink,
) -> None:
    async def converse(request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("api-key") != key:
            raise web.HTTPUnauthorized
        connection = web.WebSocketResponse(max_msg_size=0)
        await connection.prepare(request)
        await connection.send_str(events.event("session.created", session={"id": "sess_long"}))
        talking: list[asyncio.Task[None]] = []
        returned = 0
        async for message in connection:
            event = json.loads(message.data)
            if event["type"] == "session.update" and not talking:
                updated = events.event("session.updated", session=event["session"])
                await connection.send_str(updated)
                talking = [
                    asyncio.create_task(_answer(connection, samples)),
                    asyncio.create_task(_call_again_and_again(connection)),
                ]
            elif event["type"] == "conversation.item.create":
                returned += 1
        for task in talking:
            task.cancel()
        await asyncio.wait(talking)
        calls.send(returned)
        return connection

    app = web.Application()
    app.router.add_get("/voice-live/realtime", converse)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await asyncio.to_thread(link.stop_requested, None)
    finally:
        await runner.cleanup()


async def _answer(connection: web.WebSocketResponse, samples: int) -> None:
    """Send the answer, never more than `AHEAD_S` before it can sound."""
    for text in events.answer_begins(0):
        await connection.send_str(text)
    begun_s = time.monotonic()
    for start in range(0, samples, DELTA_SAMPLES):
        await asyncio.sleep(begun_s + start / SAMPLE_RATE_HZ - AHEAD_S - time.monotonic())
        sound = answer(0, start, min(DELTA_SAMPLES, samples - start))
        await connection.send_str(events.audio_delta(0, sound))
    for text in events.answer_ends(0, "completed"):
        await connection.send_str(text)


async def _call_again_and_again(connection: web.WebSocketResponse) -> None:
    for number in count(1):
        await asyncio.sleep(CALL_EVERY_S)
        for text in events.function_call(number, "hold", response=0):
            await connection.send_str(text)


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
