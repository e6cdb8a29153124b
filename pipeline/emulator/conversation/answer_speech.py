"""What of an answer was sent as speech, and what is left of it after a truncation."""

from dataclasses import dataclass, field

from pipeline.emulator.speech.alignment import SpeechDelta


@dataclass(slots=True)
class AnswerSpeech:
    """The words that were sent, each with its number of samples. Grows until it is truncated."""

    pieces: list[tuple[str, int]] = field(default_factory=list)
    is_truncated: bool = False

    @property
    def transcript(self) -> str:
        return "".join(words for words, _ in self.pieces)

    @property
    def samples(self) -> int:
        return sum(samples for _, samples in self.pieces)

    def add(self, delta: SpeechDelta) -> None:
        """Append a delta; after a truncation do nothing."""
        if self.is_truncated:
            return
        edges = [word.start for word in delta.words] + [delta.sound.size]
        if edges[0]:
            words, before = self.pieces.pop() if self.pieces else ("", 0)
            self.pieces.append((words, before + edges[0]))
        for word, start, end in zip(delta.words, edges, edges[1:], strict=False):
            self.pieces.append((word.text, end - start))

    def truncate(self, samples: int) -> None:
        """Keep the first `samples`, and the whole words that fit into them in proportion."""
        kept = []
        for words, length in self.pieces:
            part = min(samples, length)
            if part or (not length and samples):
                kept.append((_first_words(words, part, length), part))
            samples -= part
        self.pieces = kept
        self.is_truncated = True


def _first_words(words: str, part: int, length: int) -> str:
    """Return the whole words that fit into `part` of `length`."""
    if part == length:
        return words
    return words[: max(0, words.rfind(" ", 0, len(words) * part // length + 1))]
