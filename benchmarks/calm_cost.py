"""What a calm conversation costs, beside PyAudio callbacks that do nothing.

    JACK's dummy card, 5 ms periods ─┬─ slice 1: a process with an empty input callback,
                                     │           a process with an empty output callback
                                     └─ slice 2: capture, network and playback, in a conversation
                                                 that is silent but for one answer in a slice

Slices alternate, so that both see the same machine. Processor time is counted from the moment at
which everything runs; the service, the card and this process are not part of it.

    python -m benchmarks.calm_cost
    python -m benchmarks.calm_cost --max-ratio 1.8
    python -m benchmarks.calm_cost --profile
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import active_children
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from pipeline.audio.selection import choose_device
from pipeline.bench.distribution import Distribution
from pipeline.bench.signals import answer
from pipeline.bench.voice_processes import start_voice_processes
from pipeline.config.settings import Settings
from pipeline.errors import DeviceError
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import SessionReady, Started
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report
from pipeline.pcm import NS_PER_S, SAMPLE_BYTES, SAMPLE_RATE_HZ, ms_to_samples
from pipeline.supervisor.devices import find_devices
from pipeline.system.stdio import STDERR_FD
from tests.support.jack_card import JackCard
from tests.support.scripted_service import ScriptedService, ScriptedSession

MODULE = "benchmarks.calm_cost"
PERIOD_MS = 5.0
PERIOD_SAMPLES = ms_to_samples(PERIOD_MS)
ANSWER_SHARE = 1 / 3
"""Of a slice, in which the answer sounds."""
DELTA_SAMPLES = ms_to_samples(200)
DELTA_EVERY_S = 0.05
SETTLE_S = 1.0
"""Between the start of the last process and the measurement."""
POLL_S = 0.1

EMPTY = ("empty input", "empty output")
PROGRAM = ("capture", "network", "playback")

Costs = dict[str, float]
"""CPU seconds a minute, by the name of the process or of the thread."""


def main(pipe: "Connection[Report, Command]", direction: str) -> None:
    """Entry point of a process with an empty callback."""
    run_child(pipe, False, partial(_do_nothing, direction))


def _do_nothing(direction: str, link: SupervisorLink) -> None:
    import pyaudio

    silence = bytes(PERIOD_SAMPLES * SAMPLE_BYTES)
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDERR_FD)  # PortAudio's hosts print dozens of lines
    port_audio = pyaudio.PyAudio()
    stream = port_audio.open(
        format=pyaudio.paInt16,
        rate=SAMPLE_RATE_HZ,
        channels=1,
        frames_per_buffer=PERIOD_SAMPLES,
        stream_callback=lambda *_: (silence, pyaudio.paContinue),
        input=direction == "input",
        output=direction == "output",
    )
    link.report(Started(direction, "an empty callback"))
    link.stop_requested(None)
    stream.close()
    port_audio.terminate()


@contextmanager
def _empty_callbacks() -> Iterator[ChildProcesses]:
    """Both processes, running."""
    with ChildProcesses() as children:
        for name in EMPTY:
            children.spawn(name, MODULE, name.removeprefix("empty "))
        _wait_for({"input", "output"}, children)
        yield children


@contextmanager
def _conversation(service: ScriptedService) -> Iterator[ChildProcesses]:
    """The program's processes, ready to hear and to be heard."""
    settings = Settings(endpoint=service.endpoint, api_key=service.KEY, period_ms=PERIOD_MS)
    with ChildProcesses() as probe:
        devices = find_devices(probe, verbose=False, handle=lambda _: None)
    microphone, speaker = (
        choose_device(None, "input", devices),
        choose_device(None, "output", devices),
    )
    if microphone is None or speaker is None:
        raise DeviceError("PortAudio does not find the JACK server's card.")
    with ChildProcesses() as children, ExitStack() as stack:
        start_voice_processes(children, stack, settings, microphone, speaker)
        _wait_for({"microphone", "speaker", "session"}, children)
        yield children


def _wait_for(parts: set[str], children: ChildProcesses) -> None:
    while parts:
        for report in children.reports(POLL_S):
            match report:
                case Started(part):
                    parts.discard(part)
                case SessionReady():
                    parts.discard("session")


def _pass_time(children: ChildProcesses, seconds: float) -> None:
    """Read the reports, as the supervisor does."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        for _ in children.reports(min(POLL_S, left_s)):
            pass  # failures are raised


async def _say_answer(session: ScriptedSession, number: int, seconds: float) -> None:
    """An answer, sent four times faster than it is heard."""
    name, samples = f"answer_{number}", round(seconds * SAMPLE_RATE_HZ)
    await session.start_answer(name)
    for start in range(0, samples, DELTA_SAMPLES):
        sound = answer(number, start, min(DELTA_SAMPLES, samples - start))
        await session.say(name, f"item_{number}", sound.tobytes())
        await asyncio.sleep(DELTA_EVERY_S)
    await session.end_answer(name, f"item_{number}")


def _measure_empty(seconds: float) -> Costs:
    with _empty_callbacks() as children:
        _pass_time(children, SETTLE_S)
        pids = _pids(EMPTY)
        before = _process_times_s(pids)
        _pass_time(children, seconds)
        return _per_minute(before, _process_times_s(pids), seconds)


def _measure_program(seconds: float, number: int) -> tuple[Costs, Costs]:
    """Of the processes, and of their threads."""
    with ScriptedService() as service, _conversation(service) as children:
        _pass_time(children, SETTLE_S)
        pids = _pids(PROGRAM)
        before, threads_before = _process_times_s(pids), _thread_times_s(pids)
        answer_s = seconds * ANSWER_SHARE
        service.call(_say_answer(service.sessions[-1], number, answer_s))
        _pass_time(children, seconds - answer_s * DELTA_EVERY_S * SAMPLE_RATE_HZ / DELTA_SAMPLES)
        after, threads_after = _process_times_s(pids), _thread_times_s(pids)
    return _per_minute(before, after, seconds), _per_minute(threads_before, threads_after, seconds)


def _pids(names: tuple[str, ...]) -> dict[str, int]:
    running = {child.name: child.pid or 0 for child in active_children()}
    return {name: running[name] for name in names}


def _process_times_s(pids: Mapping[str, int]) -> Costs:
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: found.user + found.system for name, found in times.items()}


def _thread_times_s(pids: Mapping[str, int]) -> Costs:
    """By process and name of the thread; exact to the nanosecond, as the kernel counts them."""
    found: Costs = defaultdict(float)
    for name, pid in pids.items():
        for task in Path(f"/proc/{pid}/task").iterdir():
            running_ns = int((task / "schedstat").read_text().split()[0])
            found[f"{name}: {task.name} {_role(pid, task)}"] += running_ns / NS_PER_S
    return found


def _role(pid: int, task: Path) -> str:
    if int(task.name) == pid:
        return "main"
    policy = os.sched_getscheduler(int(task.name)) & ~os.SCHED_RESET_ON_FORK
    priority = os.sched_getparam(int(task.name)).sched_priority
    return f"FIFO {priority}" if policy == os.SCHED_FIFO else "ordinary"


def _per_minute(before: Costs, after: Costs, seconds: float) -> Costs:
    return {name: (after[name] - spent_s) * 60 / seconds for name, spent_s in before.items()}


def _profile(seconds: float) -> None:
    """Show where each of the program's processes spends its time, as `perf` sees it."""
    with (
        tempfile.TemporaryDirectory(prefix="calm-cost-") as folder,
        ScriptedService() as service,
        _conversation(service) as children,
    ):
        _pass_time(children, SETTLE_S)
        files = {name: Path(folder) / name for name in PROGRAM}
        record = ("perf", "record", "-q", "-e", "cpu-clock", "-F", "4999")
        recorders = [
            subprocess.Popen([*record, "-p", str(pid), "-o", files[name], "sleep", str(seconds)])
            for name, pid in _pids(PROGRAM).items()
        ]
        service.call(_say_answer(service.sessions[-1], 0, seconds * ANSWER_SHARE))
        _pass_time(children, seconds)
        for recorder in recorders:
            recorder.wait()
        for name, path in files.items():
            print(f"\n{name}", flush=True)
            report = ("perf", "report", "--stdio", "--sort", "dso,symbol", "-i", path)
            shown = subprocess.run(report, capture_output=True, text=True, check=True).stdout
            lines = [line for line in shown.splitlines() if line and not line.startswith("#")]
            print("\n".join(lines[:40]))


def _show(costs: Mapping[str, list[float]]) -> None:
    print(f"{'CPU s a minute':>32}    p50    max")
    for name, values in costs.items():
        found = Distribution.of(values)
        assert found is not None
        print(f"{name:>32} {found.p50:6.2f} {found.max:6.2f}")


def _sum(costs: Mapping[str, list[float]], names: tuple[str, ...]) -> float:
    """Sum of the medians."""
    found = [Distribution.of(costs[name]) for name in names]
    return sum(each.p50 for each in found if each is not None)


def compare(slices: int, seconds: float) -> float:
    """Measure and show; returns how many times the empty callbacks the program costs."""
    costs: dict[str, list[float]] = {name: [] for name in (*EMPTY, *PROGRAM)}
    for number in range(slices):
        program, threads = _measure_program(seconds, number)
        for name, value in (*_measure_empty(seconds).items(), *program.items()):
            costs[name].append(value)
    _show(costs)
    print("\nThreads in the latest slice:")
    for name, value in threads.items():
        print(f"{name:>32} {value:6.3f}")
    empty, whole = _sum(costs, EMPTY), _sum(costs, PROGRAM)
    print(f"\nThe program {whole:.2f}, the empty callbacks {empty:.2f}: ratio {whole / empty:.2f}")
    return whole / empty


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slices", type=int, default=2, help="of each kind")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a slice")
    parser.add_argument("--max-ratio", type=float, help="exit with 1 if the program costs more")
    parser.add_argument("--profile", action="store_true", help="show what perf sees instead")
    arguments = parser.parse_args()
    with JackCard() as card:
        os.environ.update(card.environment)
        if arguments.profile:
            _profile(arguments.seconds)
        else:
            ratio = compare(arguments.slices, arguments.seconds)
            sys.exit(arguments.max_ratio is not None and ratio > arguments.max_ratio)
