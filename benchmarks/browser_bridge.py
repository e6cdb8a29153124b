"""Measure how fast a browser on the bridge of `examples/` falls silent.

    python -m benchmarks.browser_bridge

    service ── speech_started ══▶ session ══ WebSocket ══▶ page ─▶ audio thread:     cut
    fake microphone: a voice begins ─▶ page ══▶ session ══▶ service ══▶ … the same:  onset → silence

The cut is measured with a scripted service, on the machine's clock, in whole milliseconds. From
onset to silence is measured with the offline service, which has to hear the voice first, on the
clock of the browser's audio thread. All is on this machine; the browser's buffers before and after
its audio thread are not included.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.support.answers import answer, end_cancelled, positive, user_turn
from tests.support.bridge import (
    FRAME_SAMPLES,
    Bridge,
    Tapped,
    interrupted_story,
    spoken_lines,
    stretches,
    talk,
    tap,
    tapped,
)
from tests.support.chromium import Chromium
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, write_wav

ANSWER = positive(4.0, seed=1)
PAUSE_MS = 50
"""Least silence after an answer that was cut."""
LOUD = 300
"""Least sample of a voice."""
SENTENCE_MS = 500
"""Silence between two sentences; silences in one are shorter."""


class Interruptions:
    """Answers again and again, and interrupts each answer."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.sent_ms: list[float] = []
        """When each `speech_started` was written, ``time.time``."""

    async def __call__(self, session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard_ms >= 300)
        for number in range(self._count):
            name = f"r{number}"
            await user_turn(session, f"u{number}", "Hello?")
            await answer(session, name, ANSWER)
            await asyncio.sleep(0.5 + 0.0137 * (number % 10))
            self.sent_ms.append(time.time() * 1_000)
            await session.speech_started(f"v{number}")
            await end_cancelled(session, name)
            await asyncio.sleep(0.4)
            await session.speech_stopped(f"v{number}")


def cuts_ms(count: int, folder: Path) -> list[float]:
    """Return how long after each `speech_started` the answer was silent."""
    microphone = write_wav(folder / "quiet.wav", noise(4.0, 10, 20, seed=2))
    script = Interruptions(count)
    with (
        ScriptedService(script) as service,
        Bridge.to(service, folder) as bridge,
        Chromium(microphone=microphone) as browser,
    ):
        page = browser.open(bridge.address)
        tap(page)
        talk(page)
        while len(script.sent_ms) < count:
            time.sleep(0.1)
        time.sleep(1.0)
        passed = tapped(page)
    ends_ms = [_time_ms(passed, end) for _, end in passed.sounds(PAUSE_MS)]
    return [min(end - sent for end in ends_ms if end >= sent - 1) for sent in script.sent_ms]


def _time_ms(passed: Tapped, sample: int) -> float:
    """Return when a sample passed; the clock's milliseconds are whole ones."""
    frame, rest = divmod(sample, FRAME_SAMPLES)
    return (
        float(passed.times_ms[min(frame, len(passed.times_ms) - 1)]) + rest * 1e3 / passed.rate_hz
    )


def onsets_ms(count: int, folder: Path) -> list[float]:
    """Return how long after the onset of a voice over an answer the answer was silent."""
    with interrupted_story(folder) as page:
        while sum(text.endswith(" —") for _, text in spoken_lines(page)) < count:
            time.sleep(0.1)
        time.sleep(1.0)
        passed = tapped(page)
    loud = np.flatnonzero(np.abs(passed.microphone.astype(np.int32)) > LOUD)
    voices = [begin for begin, _ in stretches(loud, SENTENCE_MS, passed.rate_hz)]
    return [
        (end - begin) * 1_000 / passed.rate_hz
        for begin in voices
        for sounds_from, end in passed.sounds(SENTENCE_MS)
        if sounds_from < begin < end
    ]


def show(name: str, values_ms: Sequence[float]) -> None:
    p50, p95 = np.percentile(values_ms, [50, 95])
    print(f"{name} (n={len(values_ms)}): p50 {p50:.0f}, p95 {p95:.0f}, max {max(values_ms):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--voices", type=int, default=3)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="browser-bridge-") as folder:
        show("cut", cuts_ms(given.cuts, Path(folder)))
        show("onset → silence", onsets_ms(given.voices, Path(folder)))


if __name__ == "__main__":
    main()
