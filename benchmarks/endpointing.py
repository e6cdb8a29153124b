"""From the end of speech to the turn that the service has taken: by the service, by the ears.

    python -m benchmarks.endpointing --phrases 12

    end of the last word ── silence ──▶ the service notices ───────▶ input_audio_buffer.committed
    end of the last word ── silence ──▶ the ears ── commit ─────────▶ input_audio_buffer.committed

Real phrases are spoken in real time to the offline service on this machine, so the network takes no
time: over a network, both ways take half a round trip more. The time is that at which the client
reads the event. A phrase that is taken before its end was cut in two by a pause inside it.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from benchmarks import ear_sounds
from pipeline import MicrophoneInput, Opened, Settings, SpeakerOutput, VoiceSession
from pipeline.errors import UnansweredError
from pipeline.ipc.events import EventRead
from pipeline.pcm import BLOCK_SAMPLES, NS_PER_MS, SAMPLE_RATE_HZ, Samples

NEAR_DB = -26.0
_BETWEEN_S = 3.0
_BLOCK_NS = 10 * NS_PER_MS
_QUIET_BELOW_ACTIVE_DB = 25.0
_ROOM = 4
"""Greatest sample of the room's noise."""


@dataclass(slots=True)
class Run:
    """One way to end turns, and the times that it took, ``time.monotonic_ns``."""

    endpointing: str
    silence_ms: int
    spoken_ns: list[tuple[int, int]] = field(default_factory=list)
    """Begin and end of each phrase."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """The service hears the microphone."""
    committed_ns: list[int] = field(default_factory=list)

    def delays_ms(self) -> list[float]:
        """Times from the end of a phrase to the first commit after it, where there is one."""
        found = []
        for (_, end_ns), after_ns in zip(self.spoken_ns, self._following(), strict=True):
            late = [at for at in self.committed_ns if end_ns <= at < after_ns]
            found += [(min(late) - end_ns) / NS_PER_MS] if late else []
        return found

    @property
    def cut_in_two(self) -> int:
        spoken, committed = self.spoken_ns, self.committed_ns
        return sum(any(begin < at < end for at in committed) for begin, end in spoken)

    def _following(self) -> list[int]:
        return [*(begin for begin, _ in self.spoken_ns[1:]), sys.maxsize]

    def line(self) -> str:
        delays = self.delays_ms() or [float("nan")]
        return (
            f"{self.endpointing:9}{self.silence_ms:8} ms{np.percentile(delays, 50):9.0f} ms"
            f"{np.percentile(delays, 95):9.0f} ms{len(self.delays_ms()):6} of {len(self.spoken_ns)}"
            f"{self.cut_in_two:12}"
        )


async def measure(run: Run, phrases: list[Samples]) -> None:
    """Speak the phrases to a session that ends turns as `run` says."""
    settings = Settings(
        offline=True,
        ears="on",
        echo="off",
        barge_in="service",
        endpointing=run.endpointing,
        silence_duration_ms=run.silence_ms,
        verbose=1,
    )
    microphone = MicrophoneInput(_speak(run, phrases))
    speaker = SpeakerOutput(lambda _sound: None)
    session = VoiceSession(settings, microphone=microphone, speaker=speaker)
    with suppress(UnansweredError):  # an interrupted phrase
        async with session:
            async for event in session:
                if isinstance(event, Opened):
                    run.ready.set()
                elif isinstance(event, EventRead) and event.kind == "input_audio_buffer.committed":
                    run.committed_ns.append(event.at_ns)


async def _speak(run: Run, phrases: list[Samples]) -> AsyncIterator[bytes]:
    """Yield a room in which the phrases are spoken, in real time."""
    random = np.random.default_rng(1)
    next_ns = time.monotonic_ns()
    waiting = list(phrases)
    while waiting:
        phrase = waiting.pop(0) if run.ready.is_set() else np.zeros(0, np.int16)
        begin_ns = next_ns
        sound = np.concatenate((phrase, np.zeros(round(_BETWEEN_S * SAMPLE_RATE_HZ), np.int16)))
        sound += random.integers(-_ROOM, _ROOM, len(sound), np.int16)
        if len(phrase):
            phrase_ns = len(phrase) * 1_000 // (SAMPLE_RATE_HZ // 1_000) * 1_000
            run.spoken_ns.append((begin_ns, begin_ns + phrase_ns))
        for start in range(0, len(sound) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
            next_ns += _BLOCK_NS
            await asyncio.sleep(max(0, next_ns - time.monotonic_ns()) / 1e9)
            yield sound[start : start + BLOCK_SAMPLES].tobytes()


def _phrases(count: int) -> list[Samples]:
    """Return real phrases without the quiet after their last word."""
    found = ear_sounds.near_phrases()
    phrases = []
    for number in range(count):
        sound = ear_sounds.at_level(found[number % len(found)], NEAR_DB)
        levels = ear_sounds.frame_levels_db(sound)
        loud = np.flatnonzero(levels > ear_sounds.active_level_db(sound) - _QUIET_BELOW_ACTIVE_DB)
        length = (int(loud[-1]) + 1) * len(sound) // len(levels)
        phrases.append(np.clip(np.rint(sound[:length] * 32_768), -32_760, 32_760).astype(np.int16))
    return phrases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phrases", type=int, default=12, help="how many are spoken in each run")
    arguments = parser.parse_args()
    runs = [Run("service", 500), Run("local", 500), Run("local", 300)]
    print("end of speech -> commit, read by the client")
    print(f"{'turns by':9}{'silence':>11}{'p50':>12}{'p95':>12}{'phrases':>10}{'cut in two':>14}")
    for run in runs:
        asyncio.run(measure(run, _phrases(arguments.phrases)))
        print(run.line(), flush=True)


if __name__ == "__main__":
    main()
