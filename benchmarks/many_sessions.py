"""Open and close sessions in one process, and count what stays behind.

    python -m benchmarks.many_sessions --sessions 200

Each session has its own microphone and speaker, is answered once, hears the whole answer and is
closed. What is counted is this process's: descriptors, memory, threads, mapped segments, children.
"""

import argparse
import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from pipeline import (
    MicrophoneInput,
    Ready,
    Settings,
    SoundBlock,
    SoundDrop,
    SpeakerOutput,
    VoiceSession,
)
from tests.support.answers import positive
from tests.support.scripted_service import ScriptedService, ScriptedSession

ANSWER = positive(0.2, seed=1)
SHOWN = 20
"""Number of lines that are printed."""


class Count(NamedTuple):
    """What this process holds."""

    sessions: int
    descriptors: int
    memory_mb: float
    threads: int
    segments: int
    """Of shared memory, mapped."""
    children: int

    @classmethod
    def now(cls, sessions: int) -> Self:
        gc.collect()
        process = psutil.Process()
        return cls(
            sessions,
            process.num_fds(),
            process.memory_full_info().uss / 1e6,
            threading.active_count(),
            Path("/proc/self/maps").read_text().count("/dev/shm/"),  # noqa: S108 - not a file to write
            len(process.children(recursive=True)),
        )

    def grown(self, later: Self) -> list[str]:
        """Return the names of what has grown; memory may by a tenth."""
        names = ("descriptors", "threads", "segments", "children")
        grown = [name for name in names if getattr(later, name) > getattr(self, name)]
        return grown + ["memory"] * (later.memory_mb > 1.1 * self.memory_mb)


async def answers_once(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.start_answer("r1")
    await session.say("r1", "i1", ANSWER.tobytes())
    await session.end_answer("r1", "i1")


async def converse(settings: Settings) -> None:
    """Hold one conversation from its start to its end."""
    given: list[SoundBlock | SoundDrop] = []
    async with VoiceSession(
        settings,
        microphone=MicrophoneInput(lambda samples: bytes(2 * samples)),
        speaker=SpeakerOutput(given.append),
    ) as session:
        session.say("Hello.")
        async for event in session:
            if isinstance(event, Ready):
                break
    blocks = [item for item in given if isinstance(item, SoundBlock)]
    assert sum(map(len, blocks)) == len(ANSWER), "every sample of the answer was given"


def measured(sessions: int, every: int) -> Iterator[Count]:
    """Hold conversations one after the other; yield what is left after each `every` of them."""
    with ScriptedService(answers_once) as service:
        settings = Settings(endpoint=service.endpoint, api_key=service.KEY)
        for number in range(1, sessions + 1):
            asyncio.run(converse(settings))
            service.sessions.clear()
            if number % every == 0:
                yield Count.now(number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    sessions: int = parser.parse_args().sessions
    counts = []
    for count in measured(sessions, max(1, sessions // SHOWN)):
        counts.append(count)
        print(
            f"{count.sessions:4} sessions: {count.descriptors} descriptors, "
            f"{count.memory_mb:.1f} MB, {count.threads} threads, {count.segments} segments, "
            f"{count.children} processes",
            flush=True,
        )
    grown = counts[0].grown(counts[-1])
    print(f"grown: {', '.join(grown) or 'nothing'}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
