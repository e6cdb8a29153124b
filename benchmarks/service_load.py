"""Waiting times and cost of the offline service under many clients that speak at the same time.

    client                                     service
      │ input_audio_buffer.append (50 ms) ─────▶│ read and taken
      │ input_audio_buffer.append, no audio ───▶│ refused, in its turn
      │◀─────────────────── error event, by id ─│
      └─ append wait: from before the append is written until the error has been read

Each client speaks the project's sample in a loop, in real time, out of step with the others, and is
answered by the rules. The service handles appends in order and does not acknowledge them; it
refuses an append without sound once it has taken all before it. The wait therefore contains
everything that delayed the service's reading, and the way back. Speech recognition runs beside it
and shows in *first delta*. The clients share the machine with the service: the report shows how
late the clients themselves were, and what other programs used.

*first delta*: the frame that holds the last speech of a turn is written -> the first piece of the
answer's sound has been read. The silence that ends a turn (500 ms) is part of it.

    python -m benchmarks.service_load --clients 8 --minutes 1
"""

import argparse
import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import psutil
from rich.console import Console

from pipeline.audio.selection import SAMPLE_WAV
from pipeline.bench.cost import Meter
from pipeline.bench.distribution import Distribution
from pipeline.bench.machine import machine_facts
from pipeline.bench.tables import distribution_table
from pipeline.bench.wav_files import read_wav

KEY = "load"
FRAME_SAMPLES = 1_200
FRAME_S = 0.05
SILENCE_MS = 500
WARM_UP_S = 20.0
MEMORY_EVERY_S = 5.0
STARTING_S = 60.0


@dataclass
class Measured:
    """Times of all clients in ms; memory as (seconds since the start, bytes)."""

    append_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    first_delta_ms: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    turns: int = 0
    answers: int = 0


class Speaker:
    """Speaks all the time for one client, and records when the answers arrive."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, frames: list[str], measured: Measured
    ) -> None:
        self._socket = socket
        self._frames = frames
        self._measured = measured
        self._sent_s: list[float] = []
        self._end_of_speech_s: float | None = None

    async def speak(self, until_s: float) -> None:
        start_s = time.monotonic()
        while (now_s := time.monotonic()) < until_s:
            number = len(self._sent_s)
            due_s = start_s + number * FRAME_S
            if now_s < due_s:
                await asyncio.sleep(due_s - now_s)
            self._measured.late_ms.append((time.monotonic() - due_s) * 1_000)
            self._sent_s.append(time.monotonic())
            await self._socket.send_str(self._frames[number % len(self._frames)])
            await self._socket.send_str(
                f'{{"type": "input_audio_buffer.append", "event_id": "{number}"}}'
            )

    async def listen(self) -> None:
        async for message in self._socket:
            now_s = time.monotonic()
            self._note(json.loads(message.data), now_s)

    def _note(self, event: dict[str, Any], now_s: float) -> None:
        match event["type"]:
            case "error":
                number = int(event["error"]["event_id"])
                self._measured.append_ms.append((now_s - self._sent_s[number]) * 1_000)
            case "input_audio_buffer.speech_stopped":
                frame = int((event["audio_end_ms"] - SILENCE_MS) / 1_000 / FRAME_S)
                self._end_of_speech_s = self._sent_s[frame]
                self._measured.turns += 1
            case "input_audio_buffer.speech_started":
                self._end_of_speech_s = None
            case "response.audio.delta" if self._end_of_speech_s is not None:
                self._measured.first_delta_ms.append((now_s - self._end_of_speech_s) * 1_000)
                self._end_of_speech_s = None
            case "response.done":
                self._measured.answers += 1


def frames_of_sample() -> list[str]:
    """Return the sample as append events, one for each full frame."""
    samples = read_wav(SAMPLE_WAV)
    cut = samples[: samples.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return [
        json.dumps(
            {
                "type": "input_audio_buffer.append",
                "audio": base64.b64encode(frame.tobytes()).decode(),
            }
        )
        for frame in cut
    ]


async def client(url: str, number: int, until_s: float, measured: Measured) -> None:
    frames = frames_of_sample()
    shift = number * 37 % len(frames)
    async with (
        aiohttp.ClientSession(headers={"api-key": KEY}) as session,
        session.ws_connect(url, max_msg_size=0) as socket,
    ):
        await socket.send_json(
            {
                "type": "session.update",
                "session": {
                    "turn_detection": {"type": "server_vad", "silence_duration_ms": SILENCE_MS},
                    "input_audio_transcription": {"model": "whisper-1"},
                },
            }
        )
        await asyncio.sleep(number * FRAME_S / 8)
        speaker = Speaker(socket, frames[shift:] + frames[:shift], measured)
        listening = asyncio.create_task(speaker.listen())
        await speaker.speak(until_s)
        await socket.close()
        await listening


async def weigh(pid: int, start_s: float, measured: Measured) -> None:
    process = psutil.Process(pid)
    while True:
        memory: Any = process.memory_full_info()
        used = float(getattr(memory, "pss", memory.rss))
        measured.memory.append((time.monotonic() - start_s, used))
        await asyncio.sleep(MEMORY_EVERY_S)


async def load(endpoint: str, pid: int, clients: int, minutes: float) -> Measured:
    measured = Measured()
    start_s = time.monotonic()
    weighing = asyncio.create_task(weigh(pid, start_s, measured))
    url = f"{endpoint}/voice-live/realtime?model=gpt-realtime"
    until_s = start_s + minutes * 60
    await asyncio.gather(*(client(url, n, until_s, measured) for n in range(clients)))
    weighing.cancel()
    return measured


@contextmanager
def service(arguments: list[str]) -> Iterator[tuple[str, int]]:
    """Run `serve`; yield its endpoint and its process id."""
    with tempfile.TemporaryFile("w+b") as out:
        command = [sys.executable, "-m", "pipeline", "serve", "--key", KEY, *arguments]
        process = subprocess.Popen(command, stdout=out)
        try:
            deadline_s = time.monotonic() + STARTING_S
            while b"Ctrl-C" not in (said := os.pread(out.fileno(), 4_096, 0)):
                assert process.poll() is None, "the service ended during start-up"
                assert time.monotonic() < deadline_s, "the service did not start in time"
                time.sleep(0.05)
            yield said.decode().split()[1], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def report(measured: Measured, meter: Meter) -> None:
    rows = [
        ("append wait", measured.append_ms),
        ("client late", measured.late_ms),
        ("first delta", measured.first_delta_ms),
    ]
    Console(highlight=False).print(distribution_table("Milliseconds", rows))
    print(f"turns {measured.turns}, answers {measured.answers}")
    (cost,), disturbance = meter.read(), meter.disturbance()
    print(
        f"service: {cost.cpu_s_per_minute / 60:.2f} processors, {memory_words(measured.memory)}\n"
        f"others: {disturbance.others_cpus:.2f} processors, and {disturbance.stolen_cpus:.2f} "
        "taken by the host"
    )


def memory_words(memory: list[tuple[float, float]]) -> str:
    settled = np.array([each for each in memory if each[0] >= WARM_UP_S] or memory)
    first_mb, last_mb, most_mb = (
        value / 1e6 for value in (settled[0, 1], settled[-1, 1], settled[:, 1].max())
    )
    words = f"memory {first_mb:.0f} MB, at last {last_mb:.0f} MB, at most {most_mb:.0f} MB"
    if len(settled) > 2:
        slope = np.polyfit(settled[:, 0] / 60, settled[:, 1] / 1e6, 1)[0]
        words += f", {slope:+.1f} MB a minute"
    return words


def main() -> None:
    parser = argparse.ArgumentParser(description="Load the offline service and measure it.")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--max-append-ms", type=float, help="Fail if the p99 exceeds this.")
    options, more = parser.parse_known_args()
    for name, fact in machine_facts().items():
        print(f"{name}: {fact}")
    with service(["--max-clients", str(options.clients), *more]) as (endpoint, pid):
        meter = Meter({"service": pid})
        measured = asyncio.run(load(endpoint, pid, options.clients, options.minutes))
        assert measured.answers, "no client was answered"
        report(measured, meter)
    worst = Distribution.of(measured.append_ms)
    if options.max_append_ms is not None and (worst is None or worst.p99 > options.max_append_ms):
        sys.exit(1)


if __name__ == "__main__":
    main()
