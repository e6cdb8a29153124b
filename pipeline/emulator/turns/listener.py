"""Find the turns in one client's sound: bytes in, turn events out."""

from collections.abc import Iterator

from pipeline.emulator.audio.input_audio import InputAudio
from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.audio.pcm16k import Samples16k
from pipeline.emulator.speech.detector import DetectorModel, SpeechDetector
from pipeline.emulator.turns.endpointing import (
    EndpointingRules,
    SpeechStopped,
    TurnDetector,
    TurnEvent,
)
from pipeline.emulator.wire.events import ClientError


class Listener:
    """Finds turns in appended sound, unless the client marks them itself by committing."""

    SHORTEST_COMMIT_MS = 100

    def __init__(
        self, format_: InputFormat, rules: EndpointingRules | None, *, asks_for_words: bool = False
    ) -> None:
        self._audio = InputAudio(format_)
        self._detector: SpeechDetector | None = None
        self._turns: TurnDetector | None = None
        self._uncommitted_from_ms = 0
        self.configure(format_, rules, asks_for_words=asks_for_words)

    def configure(
        self, format_: InputFormat, rules: EndpointingRules | None, *, asks_for_words: bool
    ) -> None:
        """Set the format of later sound and the rules for turns (None: do not find turns)."""
        if format_ != self._audio.format:
            self._audio.set_format(format_)
        if rules is None:
            self._turns = self._detector = None
        elif self._turns is None:
            self._audio.skip_windows()
            self._turns = TurnDetector(rules, self._audio.end_ms, asks_for_words=asks_for_words)
        else:
            self._turns.rules = rules
            self._turns.asks_for_words = asks_for_words

    def check_change(self, format_: InputFormat) -> None:
        """Raise `ClientError` if later sound cannot have this format."""
        if format_.channels != self._audio.format.channels and self._audio.end_ms:
            raise ClientError(
                "change_in_ec_channels_not_allowed",
                "The number of channels cannot change after sound was received.",
                "session.input_audio_echo_cancellation.channels",
            )

    @property
    def format(self) -> InputFormat:
        return self._audio.format

    @property
    def position_ms(self) -> int:
        """The position up to which sound is searched for turns."""
        return self._audio.heard_ms

    @property
    def unheard_ms(self) -> int:
        """The sound that waits to be searched."""
        return 0 if self._turns is None else self._audio.end_ms - self._audio.heard_ms

    def check_room(self) -> None:
        """Raise `ClientError` if no more sound can be taken."""
        self._audio.check_room()

    def append(self, data: bytes) -> None:
        """Add sound; raise `ClientError` if it is not whole frames."""
        self._audio.append(data)

    def turn_events(self, model: DetectorModel) -> Iterator[TurnEvent | None]:
        """Search the appended sound, one window for each item; the caller may pause."""
        for window in self._audio.windows():
            if self._turns is None:
                break
            if self._detector is None:
                self._detector = SpeechDetector(model)
            yield self._turns.hear(self._detector.probability(window))
            if not self._turns.speaking:
                self._audio.forget_before(self._turns.earliest_start_ms)

    def end_turn(self) -> SpeechStopped | None:
        """End the turn here, if there is one."""
        return self._turns.end() if self._turns is not None and self._turns.speaking else None

    def wait_longer(self, patience_ms: int) -> None:
        """Grant the speaker more silence in this turn."""
        if self._turns is not None:
            self._turns.wait_longer(patience_ms)

    def abandon_turn(self) -> None:
        """Drop the current turn."""
        if self._turns is not None:
            self._turns.reset()

    def heard(self, start_ms: int, end_ms: int) -> Samples16k:
        return self._audio.between(start_ms, end_ms)

    def commit(self) -> tuple[int, int]:
        """Commit the sound; return its start and end. Raise `ClientError` if it is too short."""
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
        """Drop the sound that is not part of a finished turn."""
        self._begin_anew()
        self.forget_committed()

    def turn_ended(self, end_ms: int) -> None:
        self._uncommitted_from_ms = end_ms

    def forget_committed(self) -> None:
        """Free the sound of finished turns."""
        if self._turns is None:
            self._audio.skip_windows()
            self._audio.forget_before(self._uncommitted_from_ms)

    def _begin_anew(self) -> None:
        self._uncommitted_from_ms = self._audio.end_ms
        self.abandon_turn()
