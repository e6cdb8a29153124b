"""One client's ears: its sound in, its turns out."""

from collections.abc import Iterator

from pipeline.offline.detector import DetectorModel, SpeechDetector
from pipeline.offline.input_audio import InputAudio
from pipeline.offline.recogniser import Samples16k
from pipeline.offline.turns import Endpointing, TurnDetector, TurnEvent
from pipeline.offline.wire import ClientError


class Listener:
    """Finds turns in what is appended, unless the client marks them itself by committing."""

    SHORTEST_COMMIT_MS = 100

    def __init__(self, rate_hz: int, rules: Endpointing | None) -> None:
        self._audio = InputAudio(rate_hz)
        self._detector: SpeechDetector | None = None
        self._turns: TurnDetector | None = None
        self._uncommitted_from_ms = 0
        self.configure(rate_hz, rules)

    def configure(self, rate_hz: int, rules: Endpointing | None) -> None:
        """Change the rate of the sound to come, or how turns are found (None: not at all)."""
        if rate_hz != self._audio.rate_hz:
            self._audio.set_rate(rate_hz)
        if rules is None:
            self._turns = self._detector = None
        elif self._turns is None:
            self._audio.skip_windows()
            self._turns = TurnDetector(rules, self._audio.end_ms)
        else:
            self._turns.rules = rules

    def append(self, pcm: bytes) -> None:
        """Take sound; raise `ClientError` if it is none."""
        self._audio.append(pcm)

    def turn_events(self, model: DetectorModel) -> Iterator[TurnEvent | None]:
        """Listen to what was appended, window by window; the caller may pause in between."""
        for window in self._audio.windows():
            if self._turns is None:
                break
            if self._detector is None:
                self._detector = SpeechDetector(model)
            yield self._turns.hear(self._detector.probability(window))
            if not self._turns.speaking:
                self._audio.forget_before(self._turns.earliest_start_ms)

    def heard(self, start_ms: int, end_ms: int) -> Samples16k:
        return self._audio.between(start_ms, end_ms)

    def commit(self) -> tuple[int, int]:
        """End the turn by hand; return where it lay. Raise `ClientError` if it is too short."""
        start_ms, end_ms = self._uncommitted_from_ms, self._audio.end_ms
        if end_ms - start_ms < self.SHORTEST_COMMIT_MS:
            raise ClientError(
                "input_audio_buffer_commit_empty",
                f"The buffer holds {end_ms - start_ms} ms of audio, "
                f"and at least {self.SHORTEST_COMMIT_MS} ms are needed.",
            )
        self._begin_anew()
        return start_ms, end_ms

    def clear(self) -> None:
        """Forget what was appended and belongs to no finished turn."""
        self._begin_anew()
        self.forget_committed()

    def turn_ended(self, end_ms: int) -> None:
        self._uncommitted_from_ms = end_ms

    def forget_committed(self) -> None:
        """Free the sound of turns that are over."""
        if self._turns is None:
            self._audio.skip_windows()
            self._audio.forget_before(self._uncommitted_from_ms)

    def _begin_anew(self) -> None:
        self._uncommitted_from_ms = self._audio.end_ms
        if self._turns is not None:
            self._turns.reset()
