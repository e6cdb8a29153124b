"""Where the words of an answer lie in its sound, and so which have been heard; free of I/O.

*Marks* pair a place in the text (characters) with one in the sound (samples). Between two marks
the text lies evenly in the sound. The times of words that the service sends are marks; without
them there are two: the beginning, and the end. While more sound is to come, its end is estimated
from the length of the text, because the text may be ahead of the sound.

A word counts as heard from its beginning on.
"""

import math
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from itertools import islice

from pipeline.pcm import SAMPLE_RATE_HZ

Mark = tuple[int, int]
"""Characters of the text, samples of the sound."""

_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and han: each letter is a word
_WORD = re.compile(rf"\s*([{_UNSPACED}]|[^\s{_UNSPACED}]+)")
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED}]")


class WordPlaces:
    """The places of the words of one answer, whose text the caller keeps.

    :param expects_times: whether the service is expected to tell the times of words.
    :param samples_per_character: pace of the voice, for as long as the sound is not complete.
    :ivar received_samples: length of the sound so far.
    :ivar complete: whether all of its sound has come.
    :ivar silent: whether the text is no transcript of sound.
    """

    TYPICAL_PACE = SAMPLE_RATE_HZ // 15
    """Samples a character, in English."""

    LOOK_AHEAD = 60
    """Characters in which the next timed word is looked for."""

    MOST_SKIPPED = 3

    MOST_UNMATCHED = 10_000
    """Timed words whose place in the text is not known yet. Bounds memory."""

    def __init__(
        self, *, expects_times: bool = False, samples_per_character: float = TYPICAL_PACE
    ) -> None:
        self.received_samples = 0
        self.complete = False
        self.silent = False
        self._expects_times = expects_times
        self._samples_per_character = samples_per_character
        self._mark_characters = [0]
        self._mark_samples = [0]
        self._timed: deque[tuple[str, int]] = deque(maxlen=self.MOST_UNMATCHED)
        self._matched = 0  # where the text of the latest matched word ends
        self._latest = 0  # where the latest heard word begins
        self._heard = 0

    @property
    def marks(self) -> tuple[Mark, ...]:
        """All marks but the beginning."""
        return tuple(zip(self._mark_characters, self._mark_samples, strict=True))[1:]

    @property
    def has_times(self) -> bool:
        """Whether the service has told the time of any word."""
        return bool(self._timed) or len(self._mark_characters) > 1

    def awaits_time(self, text: str) -> bool:
        """Whether the time of the next word is still to come, so that it may have been heard."""
        word = _WORD.match(text, self._heard)
        return word is not None and self._place(text, word) == math.inf

    def restore(self, marks: Iterable[Mark], heard: int) -> None:
        """Begin with the marks of another process, which has counted `heard` characters."""
        self._mark_characters, self._mark_samples = [0], [0]
        for characters, samples in marks:
            self._mark(characters, samples)
            self._matched = characters + 1
        self._latest = self._heard = heard

    def receive(self, samples: int) -> None:
        """More sound has come."""
        self.received_samples += samples
        self.complete = False

    def time(self, word: str, start_samples: int) -> None:
        """The service says when a word sounds; the words come in order."""
        if word:
            self._timed.append((word, start_samples))

    def heard(self, text: str, samples: int) -> int:
        """Return how many characters of `text` have been heard when `samples` have sounded.

        The number never falls.
        """
        self._match(text)
        all_heard = self.complete and samples >= self.received_samples
        if all_heard or (self.silent and not self.received_samples):
            self._heard = len(text)
        elif (begun := _WORD.match(text, self._latest)) and begun.start(1) < self._heard:
            self._heard = max(self._heard, begun.end())  # the rest of a word has come
        while (word := _WORD.match(text, self._heard)) and self._place(text, word) < samples:
            self._latest, self._heard = word.start(1), word.end()
        return self._heard

    def _place(self, text: str, word: re.Match[str]) -> float:
        """Return the sample at which a word begins; infinity if that is not known yet."""
        at = word.start(1)
        mark = bisect_right(self._mark_characters, at) - 1
        characters, samples = self._mark_characters[mark], self._mark_samples[mark]
        if mark and at == characters:
            return samples
        if mark + 1 < len(self._mark_characters):
            end, end_samples = self._mark_characters[mark + 1], float(self._mark_samples[mark + 1])
        elif (self.has_times or self._expects_times) and not self.complete:
            return math.inf  # its time is still to come
        else:
            end, end_samples = len(text), self._end_samples(len(text) - characters, samples)
        share = (at - characters) / max(1, end - characters)
        return samples + share * (end_samples - samples)

    def _end_samples(self, characters: int, samples: int) -> float:
        """Return where the sound ends, of which `characters` are left after `samples`."""
        if self.complete:
            return max(samples, self.received_samples)
        return max(self.received_samples, samples + characters * self._samples_per_character)

    def _match(self, text: str) -> None:
        """Find the timed words in the text, as far as it has come.

        A word that the text writes otherwise is skipped when one of the next words is found.
        """
        while self._timed:
            given_up = self.complete or len(text) >= self._matched + self.LOOK_AHEAD
            settled = self._match_next(text) or int(given_up)
            if not settled:
                return
            for _ in range(settled):
                self._timed.popleft()

    def _match_next(self, text: str) -> int:
        """Find one of the next timed words; return its number, from 1, or 0 if there is none."""
        candidates = islice(self._timed, self.MOST_SKIPPED + 1)
        for number, (word, samples) in enumerate(candidates, start=1):
            at = _find(word, text, self._matched, self.LOOK_AHEAD)
            if at >= 0:
                self._mark(at, samples)
                self._matched = at + len(word)
                return number
        return 0

    def _mark(self, characters: int, samples: int) -> None:
        self._mark_characters.append(characters)
        self._mark_samples.append(max(samples, self._mark_samples[-1]))


def _find(word: str, text: str, start: int, within: int) -> int:
    """Return where `word` begins in `text`, not in the middle of another word; -1 if nowhere."""
    end = start + within + len(word)
    at = text.find(word, start, end)
    while at > 0 and text[at - 1].isalnum() and not _UNSPACED_LETTER.match(text[at - 1]):
        at = text.find(word, at + 1, end)
    return at
