"""The conversation that is disturbed: what is asked and what is answered, sample by sample.

    microphone   ░░███████░░░░░░░░░░░░░░░░░░░░░███████░░░░░░░░░░░░░░░░░░░░███████░░░
                   question 0                  question 1                question 2
    loudspeaker            ░░▓▓▓▓▓▓▓▓▓░░░░░░░░         ░░▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓|
                             answer 0 (short)            answer 1 (long: interrupted)

Noise makes every stretch of it unique; between the questions it is faint, so that no frame of the
microphone is like another.
"""

import numpy as np

from benchmarks.faults.code import Code
from pipeline.pcm import PCM16, Samples, ms_to_samples

QUESTIONS = 6
CYCLE_MS = 2_600
QUESTION_MS = 700
LEAD_MS = 400
TAIL_MS = 1_500
SHORT_ANSWER_MS = 900
LONG_ANSWER_MS = 4_000

LOUDEST_PAUSE = 9
SOFTEST_SPEECH = 4_000
LOUDEST_SPEECH = 20_000


def question_span(number: int) -> tuple[int, int]:
    """Return the first sample of a question in the microphone's signal, and that after its end."""
    start = ms_to_samples(LEAD_MS + number * CYCLE_MS)
    return start, start + ms_to_samples(QUESTION_MS)


def microphone(seed: int) -> Samples:
    random = np.random.default_rng(seed)
    total = ms_to_samples(LEAD_MS + QUESTIONS * CYCLE_MS + TAIL_MS)
    signal = random.integers(-LOUDEST_PAUSE, LOUDEST_PAUSE, total, PCM16, endpoint=True)
    for number in range(QUESTIONS):
        start, end = question_span(number)
        loud = random.integers(SOFTEST_SPEECH, LOUDEST_SPEECH, end - start, PCM16)
        signal[start:end] = loud * random.choice(np.array([-1, 1], PCM16), end - start)
    return signal


def answers(seed: int) -> list[Samples]:
    """Return the answer to each question: short and long ones in turn, all loud."""
    random = np.random.default_rng(seed + 1_000)
    lengths_ms = [LONG_ANSWER_MS if n % 2 else SHORT_ANSWER_MS for n in range(QUESTIONS)]
    lengths_ms[-1] = SHORT_ANSWER_MS  # nothing would interrupt it
    return [
        random.integers(SOFTEST_SPEECH, LOUDEST_SPEECH, ms_to_samples(length), PCM16)
        for length in lengths_ms
    ]


def question_of(samples: Samples, code: Code) -> int | None:
    """Return the question that `samples` are, if they hold all of it and each sample once."""
    loud = np.abs(samples) >= SOFTEST_SPEECH
    runs = [
        run for run in code.runs(samples) if loud[run.found_at : run.found_at + run.length].any()
    ]
    if len(runs) != 1:
        return None
    for number in range(QUESTIONS):
        start, end = question_span(number)
        if runs[0].start <= start and runs[0].end >= end:
            return number
    return None
