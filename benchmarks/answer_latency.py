"""Answer latency of the offline service: from the end of speech to the first sound of an answer.

    speech, in real time           silence
    ─────────────────────────┤·············································
                             │◀─ silence_duration_ms ─▶│ the turn is over
                             │          ├─ recognition ─┤
                             │                  ├─ first clause ─┤
                             │◀──────────── measured ────────────▶│ response.audio.delta is here

The service runs as users start it, in a process of its own. The client is the unmodified SDK over a
socket; it sends frames of 20 ms when a microphone would have filled them. Speech ends with the last
sample above a fiftieth of its peak.

    python -m benchmarks.answer_latency
    python -m benchmarks.answer_latency --turn-detection azure_semantic_vad question.wav
"""

import asyncio
import base64
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.core.credentials import AzureKeyCredential
from rich.console import Console

from pipeline.audio.selection import SAMPLE_WAV
from pipeline.bench.machine import machine_facts
from pipeline.bench.tables import distribution_table
from pipeline.pcm import PCM16, SAMPLE_RATE_HZ, Samples, ms_to_samples, peak

FRAME_SAMPLES = ms_to_samples(20)
QUIET = np.zeros(ms_to_samples(300), np.int16)
MOST_SILENCE_SAMPLES = 10 * SAMPLE_RATE_HZ
PAUSE_SAMPLES = ms_to_samples(1_000)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech at 24 kHz with silence before it; the speech ends before sample `end`."""

    samples: Samples
    end: int

    @classmethod
    def of(cls, speech: Samples) -> "Utterance":
        loud = np.flatnonzero(np.abs(speech.astype(np.int32)) > peak(speech) // 50)
        return cls(np.concatenate([QUIET, speech]), QUIET.size + int(loud[-1]) + 1)


def utterances(paths: list[Path]) -> list[Utterance]:
    """Return an utterance for each file; without files, for each sentence of the spoken sample."""
    if not paths:
        return [Utterance.of(sentence) for sentence in sentences(read(SAMPLE_WAV))]
    return [Utterance.of(read(path)) for path in paths]


def read(path: Path) -> Samples:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    resampled = soxr.resample(samples.mean(axis=1), rate_hz, SAMPLE_RATE_HZ)
    int16: Samples = (resampled.clip(-1, 1) * 32_767).astype(np.int16)
    return int16


def sentences(samples: Samples) -> Iterator[Samples]:
    """Yield the parts of `samples` between silences of a second."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > peak(samples) // 50)
    pauses = np.flatnonzero(np.diff(loud) > PAUSE_SAMPLES)
    for first, last in zip([0, *(pauses + 1)], [*pauses, loud.size - 1], strict=True):
        yield samples[loud[first] : loud[last] + 1]


@contextmanager
def service() -> Iterator[tuple[str, str]]:
    """Yield the endpoint and the key of a service that has loaded its models."""
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = [next(process.stdout).split() for _ in range(2)]
            printed = {words[0]: words[1] for words in lines}
            yield printed["endpoint"], printed["key"]
        finally:
            process.terminate()


@asynccontextmanager
async def session(endpoint: str, key: str, detection: str) -> AsyncIterator[VoiceLiveConnection]:
    credential = AzureKeyCredential(key)
    async with connect(
        endpoint=endpoint, credential=credential, model="gpt-realtime"
    ) as connection:
        turns = {"type": detection}
        await connection.send({"type": "session.update", "session": {"turn_detection": turns}})
        await until(connection, "session.updated")
        yield connection


async def until(connection: VoiceLiveConnection, kind: str) -> None:
    while (await connection.recv())["type"] != kind:
        pass


async def latency_ms(connection: VoiceLiveConnection, utterance: Utterance) -> float:
    """Say `utterance` in real time; cancel the answer and return how long it took to begin."""
    began_s = time.perf_counter()
    speaking = asyncio.create_task(speak(connection, utterance.samples, began_s))
    await until(connection, "response.audio.delta")
    answered_s = time.perf_counter()
    speaking.cancel()
    await connection.response.cancel()
    await until(connection, "response.done")
    return 1_000 * (answered_s - began_s - utterance.end / SAMPLE_RATE_HZ)


async def speak(connection: VoiceLiveConnection, samples: Samples, began_s: float) -> None:
    """Send each frame when it is full; silence follows the speech."""
    silence = np.zeros(MOST_SILENCE_SAMPLES, np.int16)
    sound = np.concatenate([samples, silence]).astype(PCM16)
    for end in range(FRAME_SAMPLES, sound.size, FRAME_SAMPLES):
        await asyncio.sleep(began_s + end / SAMPLE_RATE_HZ - time.perf_counter())
        frame = sound[end - FRAME_SAMPLES : end].tobytes()
        await connection.input_audio_buffer.append(audio=base64.b64encode(frame).decode())


async def measure(said: list[Utterance], repeats: int, detection: str) -> list[list[float]]:
    """Return the latencies of each utterance in ms."""
    with service() as (endpoint, key):
        async with session(endpoint, key, detection) as connection:
            for utterance in said:  # the first utterance is slower: the service warms up
                await latency_ms(connection, utterance)
            return [
                [await latency_ms(connection, utterance) for _ in range(repeats)]
                for utterance in said
            ]


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speech", nargs="*", type=Path, help="recorded questions, in English")
    parser.add_argument(
        "--repeats", type=int, default=20, help="number of times each is said (default: 20)"
    )
    parser.add_argument("--turn-detection", default="server_vad")
    arguments = parser.parse_args()
    said = utterances(arguments.speech)
    measured = asyncio.run(measure(said, arguments.repeats, arguments.turn_detection))

    print("\n".join(f"{name:18} {fact}" for name, fact in machine_facts().items()), end="\n\n")
    rows = [
        (f"{(utterance.end - QUIET.size) / SAMPLE_RATE_HZ:.1f} s of speech", latencies)
        for utterance, latencies in zip(said, measured, strict=True)
    ]
    rows.append(("all", [latency for latencies in measured for latency in latencies]))
    title = f"Answer latency in ms, {arguments.turn_detection}"
    Console(highlight=False).print(distribution_table(title, rows))


if __name__ == "__main__":
    main()
