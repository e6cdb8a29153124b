"""The conversation, free of I/O: the service's events in, actions out.

It imports no event loop, no shared memory and no SDK, so a table of tests can drive every race.

Interruptions are counted by the *generation*. A response belongs for ever to the generation that
was current when the service created it. An interruption starts the next one, and from then on
whatever older responses still send is stale: it is neither played nor waited for. Whether the
service believes its response is over does not matter, because it sends answers up to 16 times
faster than they are heard.

What was heard is settled once playback has said where it cut: each item that then has samples
which will never sound is truncated to exactly what did.

A session that breaks off takes the service's memory with it. What it sent still sounds, and the
next session is told what was said.
"""

from collections.abc import Iterator

from pipeline.ipc.reports import (
    AssistantDone,
    AssistantSaid,
    Interrupted,
    Listening,
    Notice,
    Processing,
    Ready,
    Trace,
    UserSaid,
)
from pipeline.network.actions import (
    Action,
    CreateResponse,
    EndItem,
    Interrupt,
    QueueAudio,
    SendToolResult,
)
from pipeline.network.calls import INTERRUPTED, ToolCalls
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
    UserTranscript,
    WordsDelta,
    WordsDone,
)
from pipeline.network.items import Items, Response
from pipeline.network.transcript import Transcript, Turn
from pipeline.pcm import samples_to_ms


class Conversation:
    """State of a conversation, over one session or several.

    :param interrupt_response: whether the user's speech silences the answer.
    """

    def __init__(self, *, interrupt_response: bool = True) -> None:
        self._interrupt_response = interrupt_response
        self._generation = 0
        self._responses: dict[str, Response] = {}  # those that the service has not finished
        self._items = Items()
        self._calls = ToolCalls()
        self._transcript = Transcript()
        self._user_speaks = False
        self._answer_due = False
        self._continue_after_tools = False
        self._reply_owed = False  # by a session that is gone, to a user who asked
        self._disconnected = False  # between two sessions
        self._unreplayed: list[Turn] = []  # answers of a session that is gone, which still sound
        self._words_open = False
        self._ready_told = True

    @property
    def generation(self) -> int:
        """Interruptions so far."""
        return self._generation

    @property
    def idle(self) -> bool:
        """Nobody speaks, no answer is due or being made, and all audio has been heard."""
        return not (
            self._disconnected
            or self._user_speaks
            or self._answer_due
            or self._continue_after_tools
            or self._responses
            or self._calls.waiting
            or not self._items.all_heard
        )

    def receive(self, event: Event) -> list[Action]:
        """React to one event of the service, in the order of arrival."""
        return list(self._react(event))

    def tool_returned(self, call_id: str, output: str) -> list[Action]:
        """A function that the model called has come to an end."""
        return [*self._calls.returned(call_id, output), *self._go_on()]

    def heard(self, item: int, samples: int) -> list[Action]:
        """Playback's position moved: everything before it has left the loudspeaker."""
        self._items.heard(item, samples)
        actions: list[Action] = list(self._remind_settled())
        if self.idle and not self._ready_told:
            self._ready_told = True
            actions.append(Ready())
        return actions

    def cut_settled(self, generation: int, item: int, samples: int) -> list[Action]:
        """Playback has cut what is older than `generation`: nothing beyond the position sounds."""
        settled = self._items.settle(generation, item, samples)
        actions: list[Action] = [action for stale in settled for action in stale.truncation()]
        if any(stale.cut_short for stale in settled):
            heard_samples = sum(stale.settled_samples or 0 for stale in settled)
            actions.append(Interrupted(samples_to_ms(heard_samples)))
        return actions + self.heard(item, samples)

    def session_lost(self) -> list[Action]:
        """The session is gone: what it sent sounds to its end, and nothing is owed to it."""
        return list(self._lose())

    def session_resumed(self) -> list[Action]:
        """Another session is there: it is told what was said, and what it has to answer.

        An answer that still sounds is told when it is known how much of it was heard.
        """
        self._unreplayed = list(dict.fromkeys(self._items.unheard_turns()))
        actions: list[Action] = list(self._transcript.messages(self._unreplayed))
        if self._reply_owed:
            actions.append(CreateResponse())
        self._answer_due, self._reply_owed, self._disconnected = self._reply_owed, False, False
        return actions

    def _lose(self) -> Iterator[Action]:
        latest = self._items.latest
        if latest and not latest.response.finished and self._is_current(latest.response):
            yield EndItem(latest.ordinal, self._generation, latest.received_samples)
        yield from self._end_words()
        going_on = self._continue_after_tools or self._calls.waiting
        yield from self._calls.abandon()
        asked = self._drop_unspoken_text() or self._answer_due
        self._reply_owed |= going_on or (asked and self._transcript.ends_with_user)
        for response in self._responses.values():
            response.finished = True
        self._responses.clear()
        self._items.orphan()
        self._items.forget_heard()
        self._user_speaks = self._answer_due = self._continue_after_tools = self._ready_told = False
        self._unreplayed = []
        self._disconnected = True

    def _remind_settled(self) -> Iterator[Action]:
        if self._unreplayed:
            unheard = self._items.unheard_turns()
            settled = [turn for turn in self._unreplayed if turn not in unheard]
            self._unreplayed = [turn for turn in self._unreplayed if turn in unheard]
            for turn in settled:
                yield from turn.message()

    def _drop_unspoken_text(self) -> bool:
        """Drop the text of responses without audio; returns whether there were any."""
        silent = [each for each in self._live_responses() if not self._items.begun(each)]
        for response in silent:
            response.turn.words = ""
        return bool(silent)

    def _react(self, event: Event) -> Iterator[Action]:
        match event:
            case AudioDelta():
                yield from self._audio(event)
            case AudioDone():
                yield from self._audio_done(event.item_id)
            case WordsDelta(response_id, text):
                yield from self._words(response_id, text)
            case WordsDone(response_id):
                yield from self._close_words(response_id)
            case SpeechStarted():
                yield from self._speech_started()
            case SpeechStopped(item_id):
                self._user_speaks = False
                self._answer_due = True
                self._transcript.begin_user(item_id)
                yield Processing()
            case UserTranscript(text, item_id):
                self._transcript.user_said(item_id, text)
                yield UserSaid(text)
            case ResponseCreated(response_id):
                turn = self._transcript.begin_assistant()
                self._responses[response_id] = Response(self._generation, turn)
                self._answer_due = False
                self._ready_told = False
            case FunctionCalled():
                yield from self._function_called(event)
            case ResponseDone():
                yield from self._response_done(event)
            case ServiceError():
                yield from self._error(event)

    def _speech_started(self) -> Iterator[Action]:
        self._user_speaks = True
        self._answer_due = False
        self._ready_told = False
        if self._interrupt_response:
            yield from self._interrupt()
        yield Listening()

    def _interrupt(self) -> Iterator[Action]:
        if self._live_responses() or not self._items.all_heard:
            yield from self._cut()
        self._continue_after_tools = False
        yield from self._calls.interrupt()

    def _cut(self) -> Iterator[Action]:
        self._drop_unspoken_text()
        self._generation += 1
        yield Interrupt(self._generation)
        yield from self._end_words()

    def _audio(self, delta: AudioDelta) -> Iterator[Action]:
        response = self._responses.get(delta.response_id)
        if response is None:
            yield Trace(f"audio of unknown response {delta.response_id} dropped")
            return
        item = self._items.of(delta.item_id, response, self._generation)
        offset_samples = item.received_samples
        pcm = item.receive(delta.pcm)
        if response.generation < self._generation:
            yield from item.truncation()
        elif pcm:
            item.queued_samples = item.received_samples
            yield QueueAudio(item.ordinal, response.generation, offset_samples, pcm)

    def _audio_done(self, item_id: str) -> Iterator[Action]:
        item = self._items.get(item_id)
        if item is None or not self._is_current(item.response):
            return
        # Behind another item's audio this end would be a step back in what was heard.
        if item is self._items.latest:
            yield EndItem(item.ordinal, item.response.generation, item.received_samples)

    def _words(self, response_id: str, text: str) -> Iterator[Action]:
        if self._current(response_id):
            self._words_open = True
            self._responses[response_id].turn.words += text
            yield AssistantSaid(text)

    def _close_words(self, response_id: str) -> Iterator[Action]:
        if self._current(response_id):
            yield from self._end_words()

    def _end_words(self) -> Iterator[Action]:
        if self._words_open:
            self._words_open = False
            yield AssistantDone()

    def _function_called(self, event: FunctionCalled) -> Iterator[Action]:
        if self._current(event.response_id):
            yield from self._calls.requested(
                event.response_id, event.call_id, event.name, event.arguments
            )
        else:
            yield SendToolResult(event.call_id, INTERRUPTED)

    def _response_done(self, done: ResponseDone) -> Iterator[Action]:
        response = self._responses.pop(done.response_id, None)
        if response is None:
            return
        response.finished = True
        self._calls.response_finished(done.response_id)
        current = self._is_current(response)
        if current and done.status == "cancelled":
            yield from self._cancelled(response)
        elif current and done.status in ("failed", "incomplete"):
            yield Notice(f"The answer is {done.status}: {done.reason or 'no reason given'}.")
        self._items.forget_heard()
        yield from self._go_on()

    def _cancelled(self, response: Response) -> Iterator[Action]:
        """The service took an answer back by itself; one that has no audio yet survives that."""
        if self._items.unheard(response):
            for other in self._live_responses():
                if not self._items.begun(other):
                    other.generation += 1
            yield from self._cut()
        else:
            if not self._items.begun(response):
                response.turn.words = ""
            yield from self._end_words()
        yield from self._calls.interrupt()

    def _go_on(self) -> Iterator[Action]:
        """Ask for an answer that uses what the functions returned, as soon as one may be asked."""
        if self._calls.take_complete():
            self._continue_after_tools = True
        busy = self._responses or self._user_speaks or self._answer_due
        if self._continue_after_tools and not busy:
            self._continue_after_tools = False
            self._answer_due = True
            yield CreateResponse()

    def _error(self, error: ServiceError) -> Iterator[Action]:
        code, message = error.code, error.message
        if code == ALREADY_ACTIVE:  # ours came too late: once more when that one is done
            self._answer_due = False
            self._continue_after_tools = True
            yield from self._go_on()
        if error.benign:
            yield Trace(f"benign error {code}: {message}")
        else:
            self._answer_due = False
            yield Notice(f"The service reports {code or 'an error'}: {message}")

    def _current(self, response_id: str) -> bool:
        response = self._responses.get(response_id)
        return response is not None and self._is_current(response)

    def _is_current(self, response: Response) -> bool:
        return response.generation == self._generation

    def _live_responses(self) -> list[Response]:
        return [r for r in self._responses.values() if self._is_current(r)]
