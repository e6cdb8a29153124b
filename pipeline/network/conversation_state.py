"""All that a conversation knows, and what concerns several parts of that; free of I/O."""

from collections.abc import Iterable, Iterator

from pipeline.ipc.events import Listening, Notice
from pipeline.network.actions import Action, CancelResponse, CreateResponse
from pipeline.network.answers import Answers
from pipeline.network.calls import ToolCalls
from pipeline.network.display import Display
from pipeline.network.floor import Floor
from pipeline.network.questions import Questions
from pipeline.network.transcript import Transcript


class ConversationState:
    """The parts of a conversation, each of which knows nothing of most others.

    :ivar floor: who has the floor, and whether an answer is owed.
    :ivar answers: the responses being made, the items still to be heard, the generation.
    :ivar calls: the functions that the model has called.
    :ivar transcript: what was said, for the next session.
    :ivar display: what the person has been shown.
    :ivar questions: which turns of the user have been answered.
    :ivar interrupt_response: whether the user's speech silences the answer.
    :ivar between_sessions: whether the session is gone, and no other there.
    :ivar awaits_cut: whether a typed turn waits for what was heard of the answer before it.
    :ivar marks_turn: whether the program has begun a turn, and has not ended it.
    """

    def __init__(self, *, interrupt_response: bool, read_ahead: bool) -> None:
        self.floor = Floor()
        self.answers = Answers()
        self.calls = ToolCalls()
        self.transcript = Transcript()
        self.display = Display(read_ahead=read_ahead)
        self.questions = Questions()
        self.interrupt_response = interrupt_response
        self.between_sessions = False
        self.awaits_cut = False
        self.marks_turn = False

    @property
    def between_answers(self) -> bool:
        """Whether the service is making no answer, and none is to come: what sounds is complete."""
        return self.floor.quiet and not self.answers.being_made and not self.calls.waiting

    @property
    def calm(self) -> bool:
        """Whether no one speaks, no answer is to come, and all audio was heard."""
        return self.between_answers and self.answers.all_heard

    @property
    def idle(self) -> bool:
        """Whether everything is calm, in a session."""
        return self.calm and not self.between_sessions

    def user_speaks(self) -> None:
        """The user speaks, or has typed: no older turn is answered any more."""
        self.questions.user_speaks(expected=not self.idle)

    def begin_speech(self, interruption: Iterable[Action]) -> Iterator[Action]:
        """The user begins to speak, which causes `interruption` if speech silences the answer."""
        if self.interrupt_response:
            self.user_speaks()
        self.floor.speech_started()
        self.display.busy()
        if self.interrupt_response:
            yield from interruption
        yield Listening()

    def interrupt(self) -> Iterator[Action]:
        """Interrupt the answer; the service ends it by itself, because it hears speech."""
        yield from self.answers.interrupt()
        yield from self.calls.interrupt()
        self.floor.interrupt()

    def silence(self) -> Iterator[Action]:
        """Interrupt the answer without speech, so that the service must be told to end it."""
        response_ids = self.answers.current_ids
        yield from self.interrupt()
        yield from map(CancelResponse, response_ids)

    def show_heard(self) -> Iterator[Action]:
        """Show the words that have been heard by now."""
        return self.display.update(self.answers.is_heard)

    def tell_broken_off(self) -> Iterator[Notice]:
        """Tell of an answer that has been heard to where its session ended."""
        if self.answers.take_broken_off():
            self.questions.broken_off()
            yield Notice(
                "The connection ended in the middle of an answer: the rest of it is missing."
            )

    def request_owed(self) -> Iterator[CreateResponse]:
        """Ask for the answer that is owed, as soon as one may be asked for."""
        if self.calls.take_complete():
            self.floor.owe()
        if not (self.answers.being_made or self.between_sessions or self.awaits_cut):
            request = self.floor.request()
            if request is not None:
                yield request

    def rest(self) -> Iterator[Action]:
        """Show that everything is at rest, if it is."""
        if self.idle:
            yield from self.show_heard()
            yield from self.display.rest()
