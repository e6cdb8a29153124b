"""What each event of the service does to the conversation, free of I/O."""

from collections.abc import Iterator

from pipeline.ipc.events import Notice, Processing, Trace, UserSaid
from pipeline.network.actions import Action
from pipeline.network.conversation_state import ConversationState
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
from pipeline.network.response import Response


class Reactions:
    """Changes the state of a conversation as the service's events demand."""

    def __init__(self, state: ConversationState) -> None:
        self._state = state
        self._floor = state.floor
        self._answers = state.answers
        self._calls = state.calls
        self._transcript = state.transcript
        self._display = state.display
        self._questions = state.questions

    def to(self, event: Event) -> Iterator[Action]:
        """React to one event, in the order of arrival."""
        match event:
            case AudioDelta():
                yield from self._answers.audio(event)
            case AudioDone():
                yield from self._answers.end_audio(event.item_id)
            case WordsDelta() | WordsDone() | WordTime():
                yield from self._words(event)
            case SpeechStarted(known=known):
                yield from self._state.begin_speech(() if known else self._state.interrupt())
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
            yield from self._state.show_heard()

    def _add_words(self, response: Response, text: str) -> None:
        if text and not response.over:
            response.turn.words += text
            self._display.add(response)

    def _response_created(self, response_id: str) -> Iterator[Action]:
        self._floor.answer_begun()
        self._display.busy()
        self._questions.response_created(response_id)
        self._answers.begin(response_id, self._transcript.begin_assistant())
        if self._state.marks_turn and self._state.interrupt_response:
            yield from self._state.silence()  # it was asked for before the user began to speak

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
            yield from self._state.show_heard()
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
