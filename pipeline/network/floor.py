"""Who has the floor: the user, the model, or neither; free of I/O.

The service answers a turn of the user by itself. Some turns get no answer: a filler word, speech
that could not be transcribed, a service that is set to create no responses. No event says so.
An answer is therefore expected only for `Floor.ANSWER_WITHIN_S` after the last sign of its turn.

The client asks for an answer itself when one is *owed*: the functions that the model called have
returned, or a session broke off before it answered. The request waits until the floor is quiet.

    Quiet ── speech_started ──▶ UserSpeaks ── speech_stopped ──▶ AnswerExpected ─▶ Quiet
    Quiet ── request ─────────▶ AnswerRequested ───────────────────────────────▶ Quiet
                                AnswerRequested ── refused ────▶ AnswerRefused ──▶ Quiet

An answer that begins, an error, and the end of the waiting time lead back to Quiet; speech leads
to UserSpeaks from every state. A request that is refused, because another response is active, is
made again when a response ends, or after a pause that grows with each refusal; only one request is
outstanding at any time. Answers that are being made or heard are not states of the floor:
there can be several at once, also while the user speaks (see `Answers`).
"""

from dataclasses import dataclass

from pipeline.network.actions import CreateResponse


@dataclass(frozen=True, slots=True)
class Quiet:
    """No speech, and no answer that has still to begin."""


@dataclass(frozen=True, slots=True)
class UserSpeaks:
    """Between `speech_started` and `speech_stopped`."""


@dataclass(slots=True)
class AnswerExpected:
    """The user has finished a turn, and the service has not begun to answer it."""

    deadline_s: float | None = None
    """When to stop waiting; None until the next tick."""


@dataclass(slots=True)
class AnswerRequested:
    """The client asks for an answer, which has not begun."""

    request: CreateResponse
    sent: bool = False
    deadline_s: float | None = None
    """When to stop waiting; None until the next tick after it was sent."""


@dataclass(slots=True)
class AnswerRefused:
    """The service has refused a request: another response is active, perhaps an unknown one."""

    retry_s: float | None = None
    """When to ask again; None until the next tick."""


class Floor:
    """The floor, and whether an answer is owed."""

    ANSWER_WITHIN_S = 5.0
    """Several times as long as the service takes from the end of a turn to `response.created`."""

    FIRST_PAUSE_S = 0.25
    LONGEST_PAUSE_S = 4.0
    MOST_REFUSALS = 8
    """In a row; then the answer is given up, after about 16 s."""

    def __init__(self) -> None:
        self._state: Quiet | UserSpeaks | AnswerExpected | AnswerRequested | AnswerRefused = Quiet()
        self._owed = False
        self._requests = 0
        self._outstanding: int | None = None  # number of the request that may still be refused
        self._refusals = 0

    @property
    def quiet(self) -> bool:
        """Whether the floor is quiet and no answer is owed."""
        return isinstance(self._state, Quiet) and not self._owed

    @property
    def answer_expected(self) -> bool:
        """Whether the user waits for the answer to a turn."""
        return isinstance(self._state, AnswerExpected)

    @property
    def user_speaks(self) -> bool:
        return isinstance(self._state, UserSpeaks)

    @property
    def answer_owed(self) -> bool:
        """Whether the client must ask for an answer, or has asked for one that has not begun."""
        return self._owed or isinstance(self._state, AnswerRequested)

    def speech_started(self) -> None:
        self._owe_unsent()
        self._state = UserSpeaks()

    def speech_stopped(self) -> None:
        self._state = AnswerExpected()

    def user_stopped(self) -> None:
        """The user has spoken, and the client asks for the answer itself."""
        if isinstance(self._state, UserSpeaks):
            self._state = Quiet()

    def turn_continues(self) -> None:
        """The service still works on the user's turn: the waiting time begins anew."""
        if isinstance(self._state, AnswerExpected):
            self._state = AnswerExpected()

    def answer_begun(self) -> None:
        """The service has created a response, asked for or not."""
        self._owe_unsent()
        if isinstance(self._state, AnswerRequested):
            self._refusals = 0
        if not isinstance(self._state, UserSpeaks):
            self._state = Quiet()

    def interrupt(self) -> None:
        """Drop what is owed: the user's own turn is answered instead."""
        self._owed = False
        self._outstanding = None
        self._refusals = 0

    def refused(self, number: int | None = None) -> bool:
        """The service refused a request because a response was active: it is owed again.

        :param number: of the request, if it is known.
        :return: whether the answer is given up instead.
        """
        if not self._is_outstanding(number):
            return False
        self._outstanding = None
        self._refusals += 1
        gives_up = self._refusals >= self.MOST_REFUSALS
        if gives_up:
            self._refusals = 0
        else:
            self._owed = True
        if isinstance(self._state, AnswerRequested) and self._state.sent:
            self._state = Quiet() if gives_up else AnswerRefused()
        return gives_up

    def failed(self, number: int | None = None) -> None:
        """The service reported an error: the answer that it was expected to begin does not come.

        :param number: of the request that caused the error, if it is known.
        """
        if number is not None:
            if not self._is_outstanding(number):
                return
            self._outstanding = None
        if self._waits:
            self._state = Quiet()

    def response_finished(self) -> None:
        """A response has ended: a request that was refused may be made again."""
        if isinstance(self._state, AnswerRefused):
            self._state = Quiet()

    def tick(self, now_s: float) -> str:
        """Pass the time; return what is not waited for any more, empty if nothing."""
        state = self._state
        if isinstance(state, AnswerRefused):
            if state.retry_s is None:
                pause_s = self.FIRST_PAUSE_S * 2 ** (self._refusals - 1)
                state.retry_s = now_s + min(pause_s, self.LONGEST_PAUSE_S)
            if now_s < state.retry_s:
                return ""
            self._state = Quiet()
            return "a request was refused: asking again"
        if not isinstance(state, AnswerExpected | AnswerRequested) or not self._waits:
            return ""
        if state.deadline_s is None:
            state.deadline_s = now_s + self.ANSWER_WITHIN_S
        if now_s < state.deadline_s:
            return ""
        self._state = Quiet()
        return f"no answer has begun within {self.ANSWER_WITHIN_S:g} s: not expected now"

    def owe(self) -> None:
        """Make the client ask for an answer as soon as the floor is quiet."""
        self._owed = True

    def request(self) -> CreateResponse | None:
        """Ask for the answer that is owed, if the floor is quiet."""
        if not self._owed or not isinstance(self._state, Quiet):
            return None
        self._requests += 1
        request = CreateResponse(self._requests)
        self._owed = False
        self._state = AnswerRequested(request)
        return request

    def release(self, request: CreateResponse) -> bool:
        """Return whether `request` is still due at the moment of sending; it then counts as sent.

        It is not due any more once the user speaks or another response has begun. An answer that
        is still owed gets another request later.
        """
        state = self._state
        if not isinstance(state, AnswerRequested) or state.request is not request:
            return False
        state.sent = True
        self._outstanding = request.number
        return True

    def reset(self, *, owed: bool) -> None:
        """Start anew after a session has broken off: it begins no more answers."""
        self._state = Quiet()
        self._owed = owed
        self._outstanding = None
        self._refusals = 0

    @property
    def _waits(self) -> bool:
        """Whether the service is expected to begin an answer; not before a request was sent."""
        state = self._state
        return isinstance(state, AnswerExpected) or (
            isinstance(state, AnswerRequested) and state.sent
        )

    def _is_outstanding(self, number: int | None) -> bool:
        return self._outstanding is not None and number in (None, self._outstanding)

    def _owe_unsent(self) -> None:
        """Owe again the answer of a request that was not sent and is not due any more."""
        if isinstance(self._state, AnswerRequested) and not self._state.sent:
            self._owed = True
