"""A recording while it is being written: what the person has heard so far."""

import asyncio
from pathlib import Path

import numpy as np

from tests.support.program import Program
from tests.support.sound import RATE_HZ, Samples

_WAV_HEADER_BYTES = 44


async def wait_sounding(recording: Path, of: Samples | None = None) -> None:
    """Wait until some of an answer, identified by its sign, has been heard for a while."""
    sign = 1 if of is None else int(np.sign(of[0]))
    heard_samples = 0
    while heard_samples < RATE_HZ // 4:
        await asyncio.sleep(0.01)
        heard_samples = int(np.count_nonzero(sign * recorded_so_far(recording) > 0))


def end_when_heard(program: Program, recording: Path, answers: Samples) -> None:
    """Press Ctrl-C when so much has sounded: by itself a run ends after two seconds of rest."""
    program.wait_until(
        lambda: np.count_nonzero(recorded_so_far(recording)) >= len(answers) or not program.running
    )
    program.interrupt()
    assert program.wait_exit() == 0, program.said


def recorded_so_far(recording: Path) -> Samples:
    pcm = recording.read_bytes()[_WAV_HEADER_BYTES:] if recording.exists() else b""
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], np.int16)
