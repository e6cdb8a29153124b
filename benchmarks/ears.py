"""How soon the ears notice a person who speaks over an answer, and how often they are wrong.

    far end (the program's own voice, real speakers) ─▶ echo path ─┬─▶ microphone ─▶ ┌──────┐
    near end (real phrases, coughs, clicks, assents, noise) ───────┘                 │ Ears │
    the reference, 30 ms before its echo, with or without drift ───────────────────▶ └──────┘

A simulation without clocks or cards: everything but the processor time is the same in every run.
Times run from the first sound of a phrase to the end of the block whose verdict is "speech"; the
period and the latency of a card come on top. Real speech is read from `shared/speech`.

    python -m benchmarks.ears
    python -m benchmarks.ears --seconds 40 --only onsets
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

# A matrix of this size gains nothing by threads, and each call would wait for them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import psutil

from benchmarks import ear_sounds
from benchmarks.ear_scenes import Scene, far_end, scene
from benchmarks.ear_sounds import Sound
from benchmarks.echo_paths import PATHS
from pipeline.ears.ears import Ears, Heard
from pipeline.ears.hold import Action, HoldRecovery
from pipeline.ears.parts import Parts, load_parts
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ

ECHO_DB = (None, -24.0, -12.0, -6.0, 0.0)
DRIFT_PPM = 60.0
ROUND_TRIP_MS = 80.0
_FOUND_WITHIN_BLOCKS = 100
_AFTER_NEAR_BLOCKS = 60
_SAME_ALARM_BLOCKS = 100
_NEXT_ANSWER_BLOCKS = 200
"""After a cut no answer sounds."""
_COLD_STARTS = 50
_COLD_START_S = 3.0
"""Of the first answer."""


@dataclass(frozen=True)
class Outcome:
    """What the ears made of one scene."""

    scene: Scene
    heard: list[Heard]

    @property
    def speech(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        return np.array([heard.speech for heard in self.heard])

    def latencies_ms(self) -> list[float]:
        """Of each near sound that was found; infinite if it was missed."""
        speech = self.speech
        latencies = []
        for start, _ in self.scene.near:
            first = start // BLOCK_SAMPLES
            found = np.flatnonzero(speech[first : first + _FOUND_WITHIN_BLOCKS])
            end = (first + found[0] + 1) * BLOCK_SAMPLES if found.size else np.inf
            latencies.append((end - start) * 1_000 / SAMPLE_RATE_HZ)
        return latencies

    def false_alarms(self) -> int:
        """Alarms outside of near sounds; those within a second count once."""
        alarmed = self.speech & ~self._near(_AFTER_NEAR_BLOCKS)
        starts = np.flatnonzero(alarmed & ~np.roll(alarmed, 1))
        return int(starts.size and 1 + np.sum(np.diff(starts) > _SAME_ALARM_BLOCKS))

    def echo_reduction_db(self) -> float:
        """Median while the echo is heard alone, after 5 s."""
        levels = [heard.levels for heard in self.heard]
        before = np.array([level.microphone_db for level in levels])
        after = np.array([level.cleaned_db for level in levels])
        alone = ~self._near(_AFTER_NEAR_BLOCKS) & (before > np.percentile(before, 50))
        alone[:500] = False
        return float(np.median((before - after)[alone])) if alone.any() else 0.0

    def _near(self, after_blocks: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        near = np.zeros(len(self.heard), np.bool_)
        for start, end in self.scene.near:
            near[start // BLOCK_SAMPLES : end // BLOCK_SAMPLES + after_blocks] = True
        return near


def listen(scene: Scene, ears: Ears | None = None) -> Outcome:
    """Run the ears over a scene."""
    ears = ears or Ears(load_parts())
    heard = []
    for number, (microphone, reference) in enumerate(scene.blocks()):
        if number in scene.realigned:
            ears.realigned()
        heard.append(ears.hear(microphone, reference))
    return Outcome(scene, heard)


def onsets(seconds: float) -> Iterator[str]:
    """Onsets and false alarms by echo, over all paths."""
    yield "echo dB   onset ms p50    p95   missed   false alarms/min   echo reduction dB"
    far, near = far_end(ear_sounds.far_voices(), seconds), ear_sounds.near_phrases()
    for echo_db in ECHO_DB:
        outcomes = [
            listen(scene(far, path, echo_db, near=near[7 * n :] + near[: 7 * n], seed=n))
            for n, path in enumerate(PATHS.values())
        ]
        yield _onset_row("none" if echo_db is None else f"{echo_db:.0f}", outcomes)


def _onset_row(name: str, outcomes: Sequence[Outcome]) -> str:
    latencies = np.concatenate([outcome.latencies_ms() for outcome in outcomes])
    found = latencies[np.isfinite(latencies)]
    p50, p95 = np.percentile(found, [50, 95]) if found.size else (np.nan, np.nan)
    minutes = sum(len(outcome.heard) for outcome in outcomes) / 6_000
    alarms = sum(outcome.false_alarms() for outcome in outcomes) / minutes
    reduction = np.median([outcome.echo_reduction_db() for outcome in outcomes])
    missed = f"{latencies.size - found.size}/{latencies.size}"
    return f"{name:>7}{p50:>16.0f}{p95:>7.0f}{missed:>9}{alarms:>19.2f}{reduction:>20.1f}"


def false_alarms(seconds: float) -> Iterator[str]:
    """Nobody speaks: each alarm is an answer that interrupts itself."""
    yield "nobody speaks                     minutes   false alarms"
    far, office = far_end(ear_sounds.far_voices(), seconds), ear_sounds.office()
    cases: list[tuple[str, float, float, Sound | None]] = [
        ("-6 dB", -6.0, 0.0, None),
        (f"-6 dB, {DRIFT_PPM:.0f} ppm", -6.0, DRIFT_PPM, None),
        (f"0 dB, {DRIFT_PPM:.0f} ppm", 0.0, DRIFT_PPM, None),
    ]
    if office is not None:
        cases.append(("-6 dB, office noise", -6.0, 0.0, office))
    for name, echo_db, drift_ppm, noise in cases:
        for path_name, path in PATHS.items():
            outcome = listen(scene(far, path, echo_db, noise=noise, drift_ppm=drift_ppm, seed=5))
            yield f"{name + ', ' + path_name:<32}{seconds / 60:>9.1f}{outcome.false_alarms():>15}"


def cold_starts(_: float) -> Iterator[str]:
    """First answers of new ears."""
    voices = ear_sounds.far_voices()
    failed = 0
    for number in range(_COLD_STARTS):
        start = number * 16_007 % (voices[number % len(voices)].size // 2)
        voice = voices[number % len(voices)][start : start + round(_COLD_START_S * SAMPLE_RATE_HZ)]
        path = list(PATHS.values())[number % len(PATHS)]
        outcome = listen(scene(voice, path, (-12.0, -6.0, 0.0)[number // 3 % 3], seed=number))
        failed += outcome.false_alarms() > 0
    yield f"first answers that interrupt themselves: {failed} of {_COLD_STARTS}"


def recoveries(_: float) -> Iterator[str]:
    """Holds by what is not speech, and how they end; a service that needs 200 ms of speech."""
    yield "over an answer at -12 dB     sounds   held   recovered   longest hold ms"
    voices = ear_sounds.far_voices()
    kinds = {
        "coughs": ear_sounds.coughs(),
        "clicks and doors": ear_sounds.clicks(),
        "mm-hm": ear_sounds.mm_hms(),
        "speech": ear_sounds.near_phrases()[:12],
    }
    for name, sounds in kinds.items():
        far = far_end(voices, 10 + 5 * len(sounds))
        outcome = listen(scene(far, PATHS["room"], -12.0, near=sounds, seed=9))
        held, recovered, longest_ms = _replay_holds(outcome)
        yield f"{name:<28}{len(sounds):>7}{held:>7}{recovered:>12}{longest_ms:>18}"


def _replay_holds(outcome: Outcome) -> tuple[int, int, int]:
    recovery = HoldRecovery()
    held = recovered = longest_ms = speech_ms = 0
    cut_until = -1
    for number, heard in enumerate(outcome.heard):
        likelihood = heard.evidence.silero
        speech_ms = speech_ms + 10 if likelihood >= 0.5 else 0
        action = recovery.hear(
            likely=heard.speech,
            likelihood=likelihood,
            sounding=number > cut_until,
            round_trip_ms=ROUND_TRIP_MS,
        )
        held += action is Action.HOLD
        if action is Action.RESUME and recovery.latest:
            recovered += 1
            longest_ms = max(longest_ms, recovery.latest.lasted_ms)
        if recovery.holding and speech_ms >= 200 + ROUND_TRIP_MS:
            recovery.release()
            cut_until = number + _NEXT_ANSWER_BLOCKS
    return held, recovered, longest_ms


def cost(seconds: float) -> Iterator[str]:
    """Processor time of one second of sound, part by part."""
    far = far_end(ear_sounds.far_voices(), min(seconds, 30))
    echoing = scene(far, PATHS["room"], -12.0, near=ear_sounds.near_phrases())
    silent = replace(echoing, reference=np.zeros_like(echoing.reference))
    before = psutil.Process().memory_info().rss
    parts = load_parts()
    yield f"memory of the parts: {(psutil.Process().memory_info().rss - before) / 2**20:.0f} MB"
    yield "processor ms per second of sound, echo at -12 dB"
    whole = _cost_ms(parts, echoing)
    yield f"  {'everything':<22}{whole:>6.1f}"
    leaner = {
        "suppressor": replace(parts, suppressor=None),
        "earshot": replace(parts, earshot=None),
        "Silero": replace(parts, silero=None),
    }
    for name, others in leaner.items():
        yield f"  {name:<22}{whole - _cost_ms(others, echoing):>6.1f}"
    yield f"  {'canceller and the rest':<22}{_cost_ms(Parts(), echoing):>6.1f}"
    yield f"  {'nothing sounds':<22}{_cost_ms(load_parts(), silent):>6.1f}"


def _cost_ms(parts: Parts, scene: Scene) -> float:
    ears = Ears(parts)
    blocks = list(scene.blocks())
    started_ns = time.process_time_ns()
    for microphone, reference in blocks:
        ears.hear(microphone, reference)
    return (time.process_time_ns() - started_ns) / 1e6 / (len(blocks) / 100)


TABLES: dict[str, Callable[[float], Iterator[str]]] = {
    "cost": cost,
    "onsets": onsets,
    "alarms": false_alarms,
    "cold": cold_starts,
    "holds": recoveries,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=210, help="length of each scene")
    parser.add_argument("--only", choices=TABLES, action="append", help="one table")
    options = parser.parse_args()
    if ear_sounds.speech_folder() is None:
        print("No folder shared/speech beside the project: only the program's own voice is used.")
    if missing := load_parts().missing:
        print(f"Not installed here: {', '.join(missing)}.")
    for name in options.only or TABLES:
        for line in TABLES[name](options.seconds):
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
