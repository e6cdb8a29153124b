"""The conversation, free of I/O: what happens goes in, actions come out.

It imports no event loop, no shared memory and no SDK, so a table of tests can drive every race.
Time comes in by `tick`.

- `ConversationState`: what it knows, in parts of its own
- `Reactions`: what the service's events do to that
- `handover`: how it outlives a session, or the process
- here: what the user, the functions, the loudspeaker and the clock do
"""

from collections.abc import Iterable

from pipeline.ipc.events import Notice, Processing, Trace, UserSaid
from pipeline.ipc.reports import ConversationMemory
from pipeline.network import handover
from pipeline.network.actions import Action, AddMessage, CreateResponse, Interrupt
from pipeline.network.conversation_state import ConversationState
from pipeline.network.events import Event
from pipeline.network.items import QueuedEnd
from pipeline.network.reactions import Reactions


class Conversation:
    """A conversation, over one session or several.

    :param interrupt_response: whether the user's speech silences the answer.
    :param read_ahead: whether the words of an answer are shown before they are heard.
    """

    def __init__(self, *, interrupt_response: bool = True, read_ahead: bool = False) -> None:
        self._state = state = ConversationState(
            interrupt_response=interrupt_response, read_ahead=read_ahead
        )
        self._reactions = Reactions(state)
        self._floor = state.floor
        self._answers = state.answers
        self._calls = state.calls
        self._transcript = state.transcript
        self._questions = state.questions

    @property
    def generation(self) -> int:
        """Interruptions so far."""
        return self._answers.generation

    @property
    def idle(self) -> bool:
        """Whether everything is at rest: no speech, no answer to come, and all audio heard."""
        return self._state.idle

    @property
    def finished(self) -> bool:
        """Whether everything is at rest and no turn is unanswered; a session may be missing."""
        return self._state.calm and not self._questions.open

    @property
    def all_answered(self) -> bool:
        """Whether each turn of the user was answered to the end, or interrupted by the user."""
        return self._questions.all_answered

    @property
    def waits_for_service(self) -> bool:
        """Whether the person waits for nothing but the service."""
        owed = self._questions.open or self._floor.answer_owed or self._answers.being_made
        busy = self._floor.user_speaks or self._calls.waiting or not self._answers.all_heard
        return bool(owed and not busy and not self._state.between_sessions)

    @property
    def between_answers(self) -> bool:
        """Whether the service is making no answer, and none is to come: what sounds is complete."""
        return self._state.between_answers

    def receive(self, event: Event) -> list[Action]:
        """React to one event of the service, in the order of arrival.

        An `Interrupt` is the first of the actions.
        """
        return [*self._reactions.to(event), *self._state.request_owed()]

    def say(self, text: str) -> list[Action]:
        """The user has typed a turn: it interrupts the answer as speech does, and is answered.

        The answer is asked for once the service knows how much of the one before was heard.
        Without a session the next one is told of the turn.
        """
        state = self._state
        actions: list[Action] = []
        if state.interrupt_response:
            state.user_speaks()
            actions += state.silence()
            state.awaits_cut = any(isinstance(action, Interrupt) for action in actions)
        state.display.busy()
        self._transcript.user_said("", text)
        if not state.between_sessions:
            actions.append(AddMessage("user", text))
        self._floor.owe()
        return [*actions, UserSaid(text, typed=True), *state.request_owed()]

    def interrupt(self) -> list[Action]:
        """The user interrupts the answer without a word."""
        return list(self._state.silence())

    def barge_in(self) -> list[Action]:
        """The user speaks over the answer, as the ears have heard; the service may hear it later.

        The floor waits for the service's word: it may take the voice for no turn.
        """
        self._state.user_speaks()
        return list(self._state.silence())

    def begin_turn(self, *, again: bool = False) -> list[Action]:
        """The user begins a turn that the program marks; it interrupts the answer.

        :param again: a process before this one was told so, and has interrupted it.
        """
        self._state.marks_turn = True
        if again:
            self._floor.speech_started()
            return []
        return list(self._state.begin_speech(self._state.silence()))

    def turn_sent(self) -> list[Action]:
        """The service was told of the end of a marked turn: the answer is asked for."""
        self._floor.user_stopped()
        self._floor.owe()
        self._state.marks_turn = False
        return [Processing(), *self._state.request_owed()]

    def turn_dropped(self, *, too_short: bool) -> list[Action]:
        """A marked turn was too short to be answered, or a session before has understood it."""
        self._floor.user_stopped()
        self._state.marks_turn = False
        sentence = "The turn was shorter than 100 ms, which is too short: it is not answered."
        notices = [Notice(sentence)] if too_short else []
        return [*notices, *self._state.request_owed(), *self._state.rest()]

    def tool_returned(self, call_id: str, output: str) -> list[Action]:
        """A function that the model called has come to an end."""
        return [*self._calls.returned(call_id, output), *self._state.request_owed()]

    def heard(self, item: int, samples: int) -> list[Action]:
        """Playback's position moved: everything before it has left the loudspeaker."""
        self._answers.heard(item, samples)
        shown = list(self._state.show_heard())  # first: it ends turns, which may be replayed then
        notices = list(self._state.tell_broken_off())
        messages: Iterable[AddMessage] = ()
        if self._transcript.withholds:
            messages = self._transcript.replay_heard(self._answers.unheard_turns())
        return [*shown, *notices, *messages, *self._state.rest()]

    def cut_settled(self, generation: int, item: int, samples: int) -> list[Action]:
        """Playback has cut what is older than `generation`: nothing beyond the position sounds."""
        settled = self._answers.settle(generation, item, samples)
        self._state.awaits_cut = False
        for response in settled.wordless:  # before the next answer's words
            self._state.display.add(response)
        return [
            *settled.corrections,
            *self._state.show_heard(),
            *settled.interrupted,
            *self.heard(item, samples),
            *self._state.request_owed(),
        ]

    def tick(self, now_s: float) -> list[Action]:
        """Pass the time, on any clock that only grows.

        An answer that has not begun or gone on in time is given up. What waited for it goes on.
        """
        given_up = self._floor.tick(now_s)
        traces = [Trace(given_up)] if given_up else []
        awaited_words = self._answers.awaits_words
        for response_id in self._answers.tick(now_s):
            self._calls.response_finished(response_id)
            traces.append(Trace(f"nothing more came of response {response_id}: not waited for"))
        if not traces and not awaited_words:
            return []
        return [
            *self._state.show_heard(),
            *traces,
            *self._state.request_owed(),
            *self._state.rest(),
        ]

    def release(self, request: CreateResponse) -> bool:
        """Whether `request` is still due at the moment of sending; then it counts as sent."""
        return self._floor.release(request)

    def session_lost(self, *, heard_again: bool = False, planned: bool = False) -> list[Action]:
        """See `handover.lose_session`."""
        return handover.lose_session(self._state, heard_again=heard_again, planned=planned)

    def session_resumed(self) -> list[Action]:
        """See `handover.resume_session`."""
        return handover.resume_session(self._state)

    def memory(self) -> ConversationMemory:
        """See `handover.remember`."""
        return handover.remember(self._state)

    def restore(
        self,
        memory: ConversationMemory,
        generation: int,
        queued: QueuedEnd,
        *,
        heard_again: bool = False,
    ) -> list[Action]:
        """See `handover.restore`."""
        return handover.restore(self._state, memory, generation, queued, heard_again=heard_again)
