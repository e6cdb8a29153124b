"""How soon the ears notice a person who speaks over an answer, and how often they are wrong.

    far end (the program's own voice, real speakers) ─▶ echo path ─┬─▶ microphone ─▶ ┌──────┐
    near end (real phrases, coughs, clicks, assents, noise) ───────┘                 │ Ears │
    the reference, 30 ms before its echo, with or without drift ───────────────────▶ └──────┘

A simulation without clocks or cards: everything but the processor time is the same in every run.
Times run from the first sound of a phrase to the end of the block whose verdict is "speech"; the
period and the latency of a card come on top. Real speech is read from `shared/speech`.

    python -m benchmarks.ears
    python -m benchmarks.ears --seconds 40 --only onsets
    python -m benchmarks.ears --only false-holds --only cold --only holds
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

# A matrix of this size gains nothing by threads, and each call would wait for them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks import ear_sentences, ear_sounds, ear_words
from benchmarks.ear_holds import ROUND_TRIP_MS, Held, holds
from benchmarks.ear_scenes import Scene, far_end, jumping, scene
from benchmarks.ear_service import Sent, speech_started
from benchmarks.ear_sounds import Sound
from benchmarks.echo_paths import PATHS, EchoPath
from pipeline.audio.ready_tone import synthesize
from pipeline.bench.ears.sounds import from_onset
from pipeline.bench.ears.words import word_errors, words_of
from pipeline.ears.blocks import BLOCKS_PER_S, to_float
from pipeline.ears.ears import SETTLING_S, Ears
from pipeline.ears.heard import Heard
from pipeline.ears.hold import Reason
from pipeline.ears.linear_canceller import REMEMBERED_REFERENCES
from pipeline.ears.parts import load_parts
from pipeline.emulator.speech.recogniser import is_available
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES, SAMPLE_RATE_HZ, ms_to_samples

ECHO_DB = (None, -24.0, -12.0, -6.0, 0.0)
DRIFT_PPM = 60.0
_FOUND_WITHIN_BLOCKS = 100
_AFTER_NEAR_BLOCKS = 60
_SAME_ALARM_BLOCKS = 100
_JUMPS = 20
_COST_S = 20.0
_COST_RUNS = 3
"""The least time of each block counts: what else the processor did is left out."""
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

    @cached_property
    def sent(self) -> Sent:
        """What goes up to the service."""
        return Sent(self.heard)

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
    """Run the ears over a scene; the reference follows the echo, as the aligner lets it."""
    ears = ears or Ears(load_parts())
    reference, heard = scene.reference, []
    for end in range(BLOCK_SAMPLES, scene.microphone.size + 1, BLOCK_SAMPLES):
        block = slice(end - BLOCK_SAMPLES, end)
        heard.append(ears.hear(scene.microphone[block], reference[block]))
        if moved_samples := heard[-1].echo_moved_samples:
            reference = np.roll(reference, moved_samples)
            first = max(0, end - REMEMBERED_REFERENCES * BLOCK_SAMPLES)
            ears.reference_moved(0, list(reference[first:end].reshape(-1, BLOCK_SAMPLES)))
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


def false_holds(seconds: float) -> Iterator[str]:
    """Nobody speaks: each hold, and each word of the service, is an answer that disturbs itself."""
    yield "nobody speaks           minutes   false holds   interruptions   with --ears off"
    far, office = far_end(ear_sounds.far_voices(), seconds), ear_sounds.office()
    cases: list[tuple[str, float, Sound | None]] = [
        ("-6 dB", -6.0, None),
        ("0 dB", 0.0, None),
    ]
    if office is not None:
        cases.append(("-6 dB, office noise", -6.0, office))
    for name, echo_db, noise in cases:
        outcomes = [
            listen(scene(far, path, echo_db, noise=noise, drift_ppm=DRIFT_PPM, seed=5))
            for path in PATHS.values()
        ]
        held = sum(len(holds(outcome.heard)) for outcome in outcomes)
        cut = sum(len(outcome.sent.speech_started()) for outcome in outcomes)
        without = sum(len(speech_started(outcome.scene.microphone)) for outcome in outcomes)
        minutes = len(outcomes) * seconds / 60
        yield f"{name:<22}{minutes:>9.1f}{held:>14}{cut:>16}{without:>18}"


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


def first_answers(_: float) -> Iterator[str]:
    """Echo that the ears leave of first answers, and what the service takes for speech of it.

    The second word: of the raw echo of the tone itself, which `--echo server` sends.
    """
    yield (
        "first second of an answer    echo reduction dB   with the tone   "
        "heard as speech   with the tone   the tone alone"
    )
    voices = [voice[: 3 * SAMPLE_RATE_HZ] for voice in map(from_onset, ear_sounds.far_voices())]
    tone = to_float(synthesize(SAMPLE_RATE_HZ))
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    silence = np.zeros(tone.size + pause.size, np.float32)
    for name, path in PATHS.items():
        for echo_db in (-12.0, 0.0):
            cold = [_first_answer(silence, voice, path, echo_db) for voice in voices]
            warm = [
                _first_answer(np.concatenate([tone, pause]), voice, path, echo_db)
                for voice in voices
            ]
            raw = speech_started(scene(np.concatenate([tone, pause]), path, echo_db).microphone)
            reductions = [
                np.median([first.reduction_db for first in each]) for each in (cold, warm)
            ]
            heard = [sum(first.speech_heard for first in each) for each in (cold, warm)]
            yield (
                f"{name:<8}{echo_db:>6.0f} dB{reductions[0]:>30.1f}{reductions[1]:>16.1f}"
                f"{heard[0]:>18}{heard[1]:>16}{len(raw):>17}"
            )


@dataclass(frozen=True)
class _FirstAnswer:
    reduction_db: float
    """Of the energy of its first second."""
    speech_heard: int
    """How often the service takes what goes up for speech, from the tone on."""


def _first_answer(before: Sound, voice: Sound, path: EchoPath, echo_db: float) -> _FirstAnswer:
    played = np.concatenate([before, voice])
    outcome = listen(scene(played, path, echo_db, seed=1))
    begin = before.size // BLOCK_SAMPLES
    levels = [heard.levels for heard in outcome.heard[begin : begin + BLOCKS_PER_S]]
    microphone = sum(level.microphone for level in levels)
    left = sum(level.cleaned for level in levels)
    return _FirstAnswer(10 * np.log10(microphone / left), len(outcome.sent.speech_started()))


def recoveries(_: float) -> Iterator[str]:
    """Holds by what is not speech: who ends them, and how long the answer is silent."""
    yield f"over an answer at -12 dB; a round trip of {ROUND_TRIP_MS:.0f} ms"
    yield (
        "                  sounds   held   without words   left by local   left by service   "
        "silent ms p50    p95    max"
    )
    voices = ear_sounds.far_voices()
    kinds = {
        "coughs": ear_sounds.coughs(),
        "clicks and doors": ear_sounds.clicks(),
        "mm-hm": ear_sounds.mm_hms(),
        "words of 0.3 s": ear_sounds.short_words(24),
        "speech": ear_sounds.near_phrases()[:24],
    }
    for name, sounds in kinds.items():
        far = far_end(voices, 10 + 5 * len(sounds))
        outcome = listen(scene(far, PATHS["room"], -12.0, near=sounds, seed=9))
        yield f"{name:<18}{len(sounds):>6}" + _recovery_row(outcome)


def _recovery_row(outcome: Outcome) -> str:
    words = [told + ms_to_samples(ROUND_TRIP_MS) for told in outcome.sent.speech_started()]
    alone, local = holds(outcome.heard), holds(outcome.heard, interrupts=True)
    service = holds(outcome.heard, cuts=words)
    silent_ms = [held.lasted_ms for held in alone] or [0]
    p50, p95, longest = np.percentile(silent_ms, [50, 95, 100])
    wordless = sum(held.reason is Reason.NO_WORDS for held in alone)
    return (
        f"{len(alone):>7}{wordless:>16}{_left(local):>16}{_left(service):>18}"
        f"{p50:>16.0f}{p95:>7.0f}{longest:>7.0f}"
    )


def _left(found: Sequence[Held]) -> str:
    """Return how many of the holds ended without a cut."""
    return f"{sum(held.reason is not None for held in found)}/{len(found)}"


def jumps(_: float) -> Iterator[str]:
    """The echo moves by 1 to 15 ms, as when a card loses samples: jumps that raise a false hold."""
    yield "the echo at -6 dB moves     jumps   that hold an answer   self-interruptions"
    far = far_end(ear_sounds.far_voices(), _JUMPS * 4 + 10)
    for name, path in PATHS.items():
        moved, starts = jumping(scene(far, path, -6.0, seed=5), _JUMPS, seed=3)
        outcome = listen(moved)
        held = [hold.first_block * BLOCK_SAMPLES for hold in holds(outcome.heard)]
        disturbed = {int(np.searchsorted(starts, sample)) for sample in held}
        cut = len(outcome.sent.speech_started())
        yield f"{name:<27}{_JUMPS:>6}{len(disturbed):>22}{cut:>21}"


def words(_: float) -> Iterator[str]:
    """Sentences over an answer that goes on, as the offline service understands them.

    A row's last line tells what it understands wrongly only beside the answer.
    """
    spoken = ear_sentences.sentences()
    if not spoken or not is_available():
        yield "words: no real speech or no recogniser here"
        return
    sounds = [sound for sound, _ in spoken]
    said = [word for _, text in spoken for word in words_of(text)]
    played = far_end(ear_sounds.far_voices(), ear_words.seconds_of(sounds))
    service = ear_words.Service()
    quiet = ear_words.spoken_over(np.zeros_like(played), PATHS["room"], -12.0, sounds)
    clean = words_of(service.understand(quiet.microphone))
    usual = set(ear_sentences.differences(said, clean))
    yield f"wrong of {len(said)} words     clean    canceller alone      with ears       ears off"
    for name, path in PATHS.items():
        outcome = listen(ear_words.spoken_over(played, path, -12.0, sounds))
        alone = np.concatenate([block.cleaned for block in outcome.heard])
        heard = [clean] + [
            words_of(service.understand(sound))
            for sound in (alone, outcome.sent.sound, outcome.scene.microphone)
        ]
        errors = [word_errors(said, each) for each in heard]
        cells = [f"{wrong:>5} ({wrong / len(said):>5.1%})" for wrong in errors]
        yield f"-12 dB, {name:<8}" + "   ".join(cells)
        differences = ear_sentences.differences(said, heard[2])
        yield "    " + "; ".join(each for each in differences if each not in usual)


def cost(_: float) -> Iterator[str]:
    """Processor time of each block of 10 ms."""
    far = far_end(ear_sounds.far_voices(), _COST_S)
    near, office = ear_sounds.near_phrases(), ear_sounds.office()
    echo = scene(far, PATHS["room"], -12.0)
    scenes = {
        "an answer at -12 dB": echo,
        "a phrase every 4 s over it": scene(far, PATHS["room"], -12.0, near=near),
        "nothing sounds": replace(echo, reference=np.zeros_like(echo.reference)),
    }
    if office is not None:
        scenes["office noise"] = scene(far, PATHS["room"], -12.0, noise=office)
    yield "processor time            mean of a core   us a block p50    p95    max"
    for name, of_scene in scenes.items():
        times_us = np.min([_block_times_us(of_scene) for _ in range(_COST_RUNS)], axis=0)
        p50, p95, longest = np.percentile(times_us, [50, 95, 100])
        share = times_us.mean() / (BLOCK_MS * 1_000)
        yield f"{name:<28}{share:>12.1%}{p50:>17.0f}{p95:>7.0f}{longest:>7.0f}"


def _block_times_us(of_scene: Scene) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the processor time of each block after the ears have settled."""
    ears = Ears(load_parts())
    times_us = []
    for blocks in of_scene.blocks():
        started_ns = time.thread_time_ns()
        ears.hear(*blocks)
        times_us.append((time.thread_time_ns() - started_ns) / 1e3)
    return np.array(times_us[round((SETTLING_S + 1) * BLOCKS_PER_S) :])


TABLES: dict[str, Callable[[float], Iterator[str]]] = {
    "cost": cost,
    "onsets": onsets,
    "false-holds": false_holds,
    "cold": cold_starts,
    "first-answers": first_answers,
    "holds": recoveries,
    "jumps": jumps,
    "words": words,
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
