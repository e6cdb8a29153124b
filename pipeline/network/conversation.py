"""The conversation, free of I/O: the service's events in, actions out.

It imports no event loop, no shared memory and no SDK, so a table of tests can drive every race.
Time comes in by `tick`. The state lies in parts of its own:

- `Floor`: who has the floor, and whether an answer is owed
- `Answers`: the responses being made, the items still to be heard, the generation
- `ToolCalls`: the functions that the model has called
- `Transcript`: what was said, for the next session
- `Display`: what the person has been shown
- `Questions`: which turns of the user have been answered

A session that breaks off takes the service's memory with it. What it sent still sounds, and the
next session is told what was said.
"""

from collections.abc import Iterable, Iterator

from pipeline.ipc.commands import CancelTool
from pipeline.ipc.events import Listening, Notice, Processing, Trace, UserSaid
from pipeline.ipc.reports import ConversationMemory
from pipeline.network.actions import Action, AddMessage, CancelResponse, CreateResponse, Interrupt
from pipeline.network.answers import Answers
from pipeline.network.calls import ToolCalls
from pipeline.network.display import Display
from pipeline.network.events import (
    ALREADY_ACTIVE,
    AudioDelta,
    AudioDone,
    Event,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    UserTranscript,
    WordsDelta,
    WordsDone,
    WordTime,
)
from pipeline.network.floor import Floor
from pipeline.network.items import QueuedEnd
from pipeline.network.questions import Questions
from pipeline.network.response import Response
from pipeline.network.transcript import Transcript


class Conversation:
    """State of a conversation, over one session or several.

    :param interrupt_response: whether the user's speech silences the answer.
    :param read_ahead: whether the words of an answer are shown before they are heard.
    """

    def __init__(self, *, interrupt_response: bool = True, read_ahead: bool = False) -> None:
        self._interrupt_response = interrupt_response
        self._floor = Floor()
        self._answers = Answers()
        self._calls = ToolCalls()
        self._transcript = Transcript()
        self._display = Display(read_ahead=read_ahead)
        self._questions = Questions()
        self._between_sessions = False
        self._awaits_cut = False
        self._marks_turn = False  # the program has begun a turn, and has not ended it

    @property
    def generation(self) -> int:
        """Interruptions so far."""
        return self._answers.generation

    @property
    def idle(self) -> bool:
        """Whether everything is at rest: no speech, no answer to come, and all audio heard."""
        return self._calm and not self._between_sessions

    @property
    def finished(self) -> bool:
        """Whether everything is at rest and no turn is unanswered; a session may be missing."""
        return self._calm and not self._questions.open

    @property
    def all_answered(self) -> bool:
        """Whether each turn of the user was answered, or interrupted by the user."""
        return self._questions.all_answered

    @property
    def waits_for_service(self) -> bool:
        """Whether the person waits for nothing but the service."""
        owed = self._questions.open or self._floor.answer_owed or self._answers.being_made
        busy = self._floor.user_speaks or self._calls.waiting or not self._answers.all_heard
        return bool(owed and not busy and not self._between_sessions)

    @property
    def between_answers(self) -> bool:
        """Whether the service is making no answer, and none is to come: what sounds is complete."""
        return self._floor.quiet and not self._answers.being_made and not self._calls.waiting

    def receive(self, event: Event) -> list[Action]:
        """React to one event of the service, in the order of arrival.

        An `Interrupt` is the first of the actions.
        """
        return [*self._react(event), *self._request_owed()]

    def say(self, text: str) -> list[Action]:
        """The user has typed a turn: it interrupts the answer as speech does, and is answered.

        The answer is asked for once the service knows how much of the one before was heard.
        Without a session the next one is told of the turn.
        """
        actions: list[Action] = []
        if self._interrupt_response:
            self._questions.user_speaks(expected=not self.idle)
            actions += self._silence()
            self._awaits_cut = any(isinstance(action, Interrupt) for action in actions)
        self._display.busy()
        self._transcript.user_said("", text)
        if not self._between_sessions:
            actions.append(AddMessage("user", text))
        self._floor.owe()
        return [*actions, UserSaid(text, typed=True), *self._request_owed()]

    def interrupt(self) -> list[Action]:
        """The user interrupts the answer without a word."""
        return list(self._silence())

    def barge_in(self) -> list[Action]:
        """The user speaks over the answer, as the ears have heard; the service may hear it later.

        The floor waits for the service's word: it may take the voice for no turn.
        """
        self._questions.user_speaks(expected=not self.idle)
        return list(self._silence())

    def begin_turn(self, *, again: bool = False) -> list[Action]:
        """The user begins a turn that the program marks; it interrupts the answer.

        :param again: a process before this one was told so, and has interrupted it.
        """
        self._marks_turn = True
        if again:
            self._floor.speech_started()
            return []
        return list(self._marked_turn_begun())

    def turn_sent(self) -> list[Action]:
        """The service was told of the end of a marked turn: the answer is asked for."""
        self._floor.user_stopped()
        self._floor.owe()
        self._marks_turn = False
        return [Processing(), *self._request_owed()]

    def turn_dropped(self, *, too_short: bool) -> list[Action]:
        """A marked turn was too short to be answered, or a session before has understood it."""
        self._floor.user_stopped()
        self._marks_turn = False
        sentence = "The turn was shorter than 100 ms, which is too short: it is not answered."
        notices = [Notice(sentence)] if too_short else []
        return [*notices, *self._request_owed(), *self._rest()]

    def tool_returned(self, call_id: str, output: str) -> list[Action]:
        """A function that the model called has come to an end."""
        return [*self._calls.returned(call_id, output), *self._request_owed()]

    def heard(self, item: int, samples: int) -> list[Action]:
        """Playback's position moved: everything before it has left the loudspeaker."""
        self._answers.heard(item, samples)
        shown = list(self._show_heard())  # first: it ends turns, which may be replayed then
        messages: Iterable[AddMessage] = ()
        if self._transcript.withholds:
            messages = self._transcript.replay_heard(self._answers.unheard_turns())
        return [*shown, *messages, *self._rest()]

    def cut_settled(self, generation: int, item: int, samples: int) -> list[Action]:
        """Playback has cut what is older than `generation`: nothing beyond the position sounds."""
        settled = self._answers.settle(generation, item, samples)
        self._awaits_cut = False
        for response in settled.wordless:  # before the next answer's words
            self._display.add(response)
        return [
            *settled.corrections,
            *self._show_heard(),
            *settled.interrupted,
            *self.heard(item, samples),
            *self._request_owed(),
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
        return [*self._show_heard(), *traces, *self._request_owed(), *self._rest()]

    def release(self, request: CreateResponse) -> bool:
        """Whether `request` is still due at the moment of sending; then it counts as sent."""
        return self._floor.release(request)

    def session_lost(self, *, heard_again: bool = False, planned: bool = False) -> list[Action]:
        """The session is gone: what it sent sounds to its end, and it is owed nothing.

        :param heard_again: the next session is sent a turn of the user again, which it answers by
            itself: nothing else is owed.
        :param planned: another session is there already, so the person does not wait for it.
        """
        self._floor.reset(owed=self._owes_reply and not heard_again)
        if self._marks_turn:
            self._floor.speech_started()
        self._answers.end_unspoken()
        for response_id in self._answers.broken_off:  # the next session does not go on with them
            self._questions.answered(response_id)
        self._questions.session_lost()
        self._transcript.stop_replay()
        if not planned:
            self._display.busy()
        self._between_sessions = True
        return [
            *self._answers.break_off(),
            *self._show_heard(),
            *self._calls.abandon(),
        ]

    def session_resumed(self) -> list[Action]:
        """Another session is there: it is told what was said, and what it has to answer.

        It is told of an answer that still sounds when it is known how much of it was heard.
        """
        self._between_sessions = False
        messages = self._transcript.replay(self._answers.unheard_turns())
        return [*messages, *self._request_owed()]

    def memory(self) -> ConversationMemory:
        """Return what another process must know to go on if this one dies now."""
        turns, copies = self._transcript.memory(self._answers.unspoken)
        return ConversationMemory(
            copies,
            self._answers.items_seen,
            self._answers.memory(turns),
            self._calls.unanswered,
            self._questions.open,
            self._questions.skipped,
            self._owes_reply,
        )

    def restore(
        self,
        memory: ConversationMemory,
        generation: int,
        queued: QueuedEnd,
        *,
        heard_again: bool = False,
    ) -> list[Action]:
        """Go on in the place of a process that died, as after a session that was lost.

        :param generation: interruptions until then.
        :param queued: what sounds of the answers that it received.
        :param heard_again: as for `session_lost`.
        """
        turns = self._transcript.restore(memory.turns)
        # An item that the memory does not know is the answer that was owed: it has begun to sound.
        has_begun = queued.item > memory.items and not memory.calls
        self._floor.reset(owed=memory.reply_owed and not (has_begun or heard_again))
        self._questions.restore(still_open=memory.question_open, skipped=memory.question_skipped)
        self._display.busy()
        self._between_sessions = True
        ends = list(self._answers.restore(memory, turns, generation, queued))
        self._display.restore(each for each in self._answers.reopened if each.has_words)
        return [*ends, *map(CancelTool, memory.calls)]

    @property
    def _owes_reply(self) -> bool:
        """Whether another session would have to answer what this one has not."""
        unspoken = self._answers.unspoken
        unanswered = bool(unspoken) or self._floor.answer_expected
        return (
            self._floor.answer_owed
            or self._calls.waiting
            or (unanswered and self._transcript.ends_with_user(unspoken))
        )

    @property
    def _calm(self) -> bool:
        return self.between_answers and self._answers.all_heard

    def _react(self, event: Event) -> Iterator[Action]:
        match event:
            case AudioDelta():
                yield from self._answers.audio(event)
            case AudioDone():
                yield from self._answers.end_audio(event.item_id)
            case WordsDelta() | WordsDone() | WordTime():
                yield from self._words(event)
            case SpeechStarted(known=known):
                yield from self._speech_started(known=known)
            case SpeechStopped(item_id=item_id):
                self._floor.speech_stopped()
                self._transcript.begin_user(item_id)
                yield Processing()
            case TurnCommitted(item_id):
                self._questions.asked(item_id)
            case UserTranscript(text, item_id):
                self._floor.turn_continues()
                if not text.strip():
                    self._questions.wordless(item_id)
                self._transcript.user_said(item_id, text)
                yield UserSaid(text)
            case ResponseCreated(response_id):
                yield from self._response_created(response_id)
            case FunctionCalled():
                yield from self._function_called(event)
            case ResponseDone():
                yield from self._response_done(event)
            case ServiceError():
                yield from self._error(event)

    def _response_created(self, response_id: str) -> Iterator[Action]:
        self._floor.answer_begun()
        self._display.busy()
        self._questions.response_created(response_id)
        self._answers.begin(response_id, self._transcript.begin_assistant())
        if self._marks_turn and self._interrupt_response:
            yield from self._silence()  # it was asked for before the user began to speak

    def _speech_started(self, *, known: bool) -> Iterator[Action]:
        if self._interrupt_response:
            self._questions.user_speaks(expected=not self.idle)
        self._floor.speech_started()
        self._display.busy()
        if self._interrupt_response and not known:
            yield from self._interrupt()
        yield Listening()

    def _marked_turn_begun(self) -> Iterator[Action]:
        if self._interrupt_response:
            self._questions.user_speaks(expected=not self.idle)
        self._floor.speech_started()
        self._display.busy()
        if self._interrupt_response:
            yield from self._silence()
        yield Listening()

    def _interrupt(self) -> Iterator[Action]:
        yield from self._answers.interrupt()
        yield from self._calls.interrupt()
        self._floor.interrupt()

    def _silence(self) -> Iterator[Action]:
        """Interrupt without speech, at which the service would end its answer by itself."""
        response_ids = self._answers.current_ids
        yield from self._interrupt()
        yield from map(CancelResponse, response_ids)

    def _words(self, event: WordsDelta | WordsDone | WordTime) -> Iterator[Action]:
        late = self._answers.late(event.response_id)
        response = late or self._answers.current(event.response_id)
        if response is None:
            return
        match event:
            case WordsDelta(_, text, spoken):
                response.places.silent |= not spoken
                self._add_words(response, response.words.add(text))
            case WordsDone():
                self._add_words(response, response.words.end())
            case WordTime():
                self._answers.word_time(event, response)
        if late:
            late.take_late_words(last=isinstance(event, WordsDone))
            yield from self._show_heard()

    def _add_words(self, response: Response, text: str) -> None:
        if text and not response.over:
            response.turn.words += text
            self._display.add(response)

    def _show_heard(self) -> Iterator[Action]:
        return self._display.update(self._answers.is_heard)

    def _function_called(self, event: FunctionCalled) -> Iterator[Action]:
        call = (event.call_id, event.name, event.arguments)
        if self._answers.current(event.response_id):
            yield from self._calls.requested(event.response_id, *call)
        else:
            yield from self._calls.unwanted(*call)

    def _response_done(self, done: ResponseDone) -> Iterator[Action]:
        self._floor.response_finished()
        complete = done.status == "completed"
        response = self._answers.finish(done.response_id, complete=complete)
        if response is None:
            return
        if response.awaits_words:
            self._add_words(response, response.words.end())
            if response.settled:
                response.end()
            yield from self._show_heard()
        self._settle_question(response, done)
        self._calls.response_finished(done.response_id)
        if self._answers.is_current(response):
            self._add_words(response, response.words.end())
            yield from self._ended_early(response, done)
        self._answers.forget_heard()

    def _settle_question(self, response: Response, done: ResponseDone) -> None:
        says = bool(response.turn.words.strip()) or self._answers.begun(response)
        if done.status == "cancelled" or (not says and self._calls.waiting):
            self._questions.continued(done.response_id)
        elif says and done.status != "failed":
            self._questions.answered(done.response_id)
        else:
            self._questions.refused(done.response_id)

    def _ended_early(self, response: Response, done: ResponseDone) -> Iterator[Action]:
        """Act on the end of a current response that is not complete."""
        if done.status == "cancelled":
            yield from self._answers.take_back(response)
            yield from self._calls.interrupt()
        elif done.status in ("failed", "incomplete"):
            reason = done.reason.rstrip(". ") or "no reason given"
            yield Notice(f"The answer is {done.status}: {reason}.")

    def _request_owed(self) -> Iterator[Action]:
        """Ask for the answer that is owed, as soon as one may be asked for."""
        if self._calls.take_complete():
            self._floor.owe()
        if not (self._answers.being_made or self._between_sessions or self._awaits_cut):
            request = self._floor.request()
            if request is not None:
                yield request

    def _error(self, error: ServiceError) -> Iterator[Action]:
        code, message = error.code, error.message
        if code == ALREADY_ACTIVE and self._floor.refused(error.request_number):
            yield Notice(
                f"The service refused {Floor.MOST_REFUSALS} times to go on, because it makes "
                f"another answer ({code}): its answer to what the functions returned, or to an "
                "earlier question, does not come. Ask again."
            )
        if error.benign:
            yield Trace(f"benign error {code}: {message}")
        else:
            if error.about_answers:
                self._floor.failed(error.request_number)
            yield Notice(f"The service reports {code or 'an error'}: {message}")

    def _rest(self) -> Iterator[Action]:
        if self.idle:
            yield from self._show_heard()
            yield from self._display.rest()
