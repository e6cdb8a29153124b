"""A conversation of more than a minute of sound in each direction at the same time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.program import Program
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav
from tests.support.voice_processes import SPARES, ready_spare

SECONDS = 61
SPOKEN = noise(SECONDS, -32_768, 32_767, seed=1)
ANSWERS = [noise(SECONDS, 1, 32_767, seed=2), noise(2, -32_768, -1, seed=3)]
"""The first is longer than the playback ring, and the second arrives while it sounds."""

_SPEED = 16
_LONGEST_DELTA_BYTES = 40_000


@dataclass(frozen=True)
class Minute:
    """The running conversation."""

    program: Program
    service: ScriptedService
    recording: Path

    def wait_end(self) -> None:
        """Wait until the program has ended by itself."""
        assert self.program.wait_exit(timeout_s=SECONDS + 45) == 0, self.program.said

    @property
    def session(self) -> ScriptedSession:
        (session,) = self.service.sessions
        return session

    def arrived(self) -> Samples:
        return np.frombuffer(bytes(self.session.heard), np.int16)

    def recorded(self) -> Samples:
        return read_wav(self.recording)


@contextmanager
def minute_of_talk(folder: Path) -> Iterator[Minute]:
    """Start the conversation; yield it once all its processes run."""
    with (
        ScriptedService(_answer) as service,
        run_on_files(service, folder, SPOKEN) as program,
    ):
        program.wait_output("Ready: speak")
        if Path("/proc/self/maps").exists():  # a process that starts later would be another test's
            for kind in SPARES:
                ready_spare(program, kind)
        yield Minute(program, service, folder / HEARD)


async def _answer(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    for number, answer in enumerate(ANSWERS):
        await _send(session, f"resp_{number}", f"item_{number}", answer.tobytes())


async def _send(session: ScriptedSession, response: str, item: str, pcm: bytes) -> None:
    """Send deltas of any size: odd numbers of bytes, and some without a whole sample."""
    random = np.random.default_rng(4)
    await session.start_answer(response)
    sent = 0
    while sent < len(pcm):
        size = int(random.choice([1, 2, 3, int(random.integers(1, _LONGEST_DELTA_BYTES))]))
        await session.say(response, item, pcm[sent : sent + size])
        sent += size
        await asyncio.sleep(size / 2 / RATE_HZ / _SPEED)
    await session.end_answer(response, item)
