"""The conversation that is disturbed: what is asked and what is answered, sample by sample.

    microphone   ░░███████░░░░░░░░░░░░░░░░░░░░░███████░░░░░░░░░░░░░░░░░░░░███████░░░
                   question 0                  question 1                question 2
    loudspeaker            ░░▓▓▓▓▓▓▓▓▓░░░░░░░░         ░░▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓|
                             answer 0 (short)            answer 1 (long: interrupted)

Noise makes every stretch of it unique; between the questions it is faint, so that no frame of the
microphone is like another.
"""

from functools import cached_property

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


class Talk:
    """What is said in one conversation.

    :param cycle_ms: from the beginning of a question to the beginning of the next.
    :param long_every: each such answer is long, so that the next question interrupts it.
    :ivar microphone: what the client's microphone hears.
    :ivar answers: the answer to each question, all loud.
    """

    def __init__(
        self,
        seed: int,
        questions: int = QUESTIONS,
        cycle_ms: int = CYCLE_MS,
        long_every: int = 2,
    ) -> None:
        random = np.random.default_rng(seed)
        self.questions = questions
        self.cycle_ms = cycle_ms
        self._long_every = long_every
        self.microphone = self._make_microphone(random)
        self.microphone_code = Code(self.microphone)
        self.answers = [self._make_answer(number, random) for number in range(questions)]

    @cached_property
    def answers_code(self) -> Code:
        """All answers, one after the other."""
        return Code(np.concatenate(self.answers))

    @property
    def end(self) -> int:
        """First sample of the microphone after the last question."""
        return self.question_span(self.questions - 1)[1]

    def question_span(self, number: int) -> tuple[int, int]:
        """Return the first sample of a question in the microphone, and the first after its end."""
        start = ms_to_samples(LEAD_MS + number * self.cycle_ms)
        return start, start + ms_to_samples(QUESTION_MS)

    def question_of(self, samples: Samples) -> int | None:
        """Return the question that `samples` are, if they hold all of it and each sample once."""
        loud = np.abs(samples) >= SOFTEST_SPEECH
        runs = [
            run
            for run in self.microphone_code.runs(samples)
            if loud[run.found_at : run.found_at + run.length].any()
        ]
        if len(runs) != 1:
            return None
        number = (runs[0].end - ms_to_samples(LEAD_MS)) // ms_to_samples(self.cycle_ms)
        start, end = self.question_span(number)
        return number if runs[0].start <= start and runs[0].end >= end else None

    def _make_microphone(self, random: np.random.Generator) -> Samples:
        total = ms_to_samples(LEAD_MS + self.questions * self.cycle_ms + TAIL_MS)
        signal = random.integers(-LOUDEST_PAUSE, LOUDEST_PAUSE, total, PCM16, endpoint=True)
        for number in range(self.questions):
            start, end = self.question_span(number)
            loud = random.integers(SOFTEST_SPEECH, LOUDEST_SPEECH, end - start, PCM16)
            signal[start:end] = loud * random.choice(np.array([-1, 1], PCM16), end - start)
        return signal

    def _make_answer(self, number: int, random: np.random.Generator) -> Samples:
        last = number == self.questions - 1  # nothing would interrupt it
        is_long = not last and number % self._long_every == self._long_every - 1
        length_ms = LONG_ANSWER_MS if is_long else SHORT_ANSWER_MS
        return random.integers(SOFTEST_SPEECH, LOUDEST_SPEECH, ms_to_samples(length_ms), PCM16)
