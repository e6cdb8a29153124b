"""The program's own ends of the rings that take the place of its cards.

The rings belong to the conversation, and the program may use these ends from any thread and at any
time: before the conversation has made the rings, and after it has removed them.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from pipeline.shm.state import SharedState
from pipeline.supervisor.cards import OwnCards
from pipeline.supervisor.microphone_end import MicrophoneEnd
from pipeline.supervisor.speaker_end import SpeakerEnd


@dataclass(frozen=True, slots=True)
class ProgramSound:
    """What a program gives in the place of cards; None: the card of the settings."""

    microphone: MicrophoneEnd | None = None
    speaker: SpeakerEnd | None = None

    @property
    def cards(self) -> tuple[str, ...]:
        """The names of the cards in whose place it is."""
        named = (("microphone", self.microphone), ("loudspeaker", self.speaker))
        return tuple(name for name, end in named if end is not None)

    def open(self, stack: ExitStack, state: SharedState) -> OwnCards:
        """Make the rings, which `stack` removes."""
        microphone, speaker = self.microphone, self.speaker
        return OwnCards(
            stack.enter_context(microphone.opened()) if microphone else None,
            stack.enter_context(speaker.opened(state)) if speaker else None,
        )

    def prepare(self) -> None:
        """Make what wakes the program; call it before everything else."""
        if self.speaker is not None:
            self.speaker.prepare()

    def close(self) -> None:
        """Nothing is taken or given any more."""
        for end in (self.microphone, self.speaker):
            if end is not None:
                end.close()


NO_OWN_SOUND = ProgramSound()
