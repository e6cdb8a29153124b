"""Open and close sessions in one process, and count what stays behind.

    python -m benchmarks.many_sessions --sessions 200

Each session has its own microphone and speaker, is answered once, hears the whole answer and is
closed. What is counted is this process's: descriptors, memory, threads, mapped segments, children.

What the C library keeps is given back before each count: it gives threads up to eight arenas a
processor, and freed memory stays in them when the threads have ended, some MB in the first dozens
of sessions. The second half of the sessions is compared with the first, in which caches fill.
"""

import argparse
import asyncio
import ctypes
import gc
import re
import sys
import threading
from collections.abc import Iterator, Sequence
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
MEMORY_MAY = 1.02
"""How much more the second half may hold: of 100 sessions, each may keep 7 KB."""


class Count(NamedTuple):
    """What this process holds."""

    sessions: int
    descriptors: int
    memory_mb: float
    """Anonymous memory. Pages of libraries are left out: whether they count as this process's own
    depends on what else runs."""
    threads: int
    segments: int
    """Of shared memory, mapped."""
    children: int

    @classmethod
    def now(cls, sessions: int) -> Self:
        gc.collect()
        _trim()
        process = psutil.Process()
        return cls(
            sessions,
            process.num_fds(),
            _anonymous_mb(),
            threading.active_count(),
            Path("/proc/self/maps").read_text().count("/dev/shm/"),  # noqa: S108 - not a file to write
            len(process.children(recursive=True)),
        )


def _trim() -> None:
    """Give freed memory back to the system, where the C library is glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _anonymous_mb() -> float:
    (line,) = re.findall(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) * 1_024 / 1e6


def grown(counts: Sequence[Count]) -> list[str]:
    """Return the names of what was more in the second half than ever in the first."""
    half = len(counts) // 2
    first, second = (
        Count(*map(max, zip(*part, strict=True))) for part in (counts[:half], counts[half:])
    )
    names = ("descriptors", "threads", "segments", "children")
    found = [name for name in names if getattr(second, name) > getattr(first, name)]
    return found + ["memory"] * (second.memory_mb > MEMORY_MAY * first.memory_mb)


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
    parser.add_argument("--sessions", type=int, default=200, help="2 or more")
    sessions: int = max(2, parser.parse_args().sessions)
    counts = []
    for count in measured(sessions, max(1, sessions // SHOWN)):
        counts.append(count)
        print(
            f"{count.sessions:4} sessions: {count.descriptors} descriptors, "
            f"{count.memory_mb:.1f} MB, {count.threads} threads, {count.segments} segments, "
            f"{count.children} processes",
            flush=True,
        )
    found = grown(counts)
    print(f"grown in the second half: {', '.join(found) or 'nothing'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
