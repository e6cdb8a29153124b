"""Who has the floor: the user, the model, or neither; free of I/O.

The service answers a turn of the user by itself. Some turns get no answer: a filler word, speech
that could not be transcribed, a service that is set to create no responses. No event says so.
An answer is therefore expected only for `Floor.ANSWER_WITHIN_S` after the last sign of its turn.

The client asks for an answer itself when one is *owed*: the functions that the model called have
returned, or a session broke off before it answered. The request waits until the floor is quiet.

    Quiet ── speech_started ──▶ UserSpeaks ── speech_stopped ──▶ AnswerExpected ─▶ Quiet
    Quiet ── request ─────────▶ AnswerRequested ───────────────────────────────▶ Quiet

An answer that begins, an error, and the end of the waiting time lead back to Quiet; speech leads
to UserSpeaks from every state. Answers that are being made or heard are not states of the floor:
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


class Floor:
    """The floor, and whether an answer is owed."""

    ANSWER_WITHIN_S = 5.0
    """Several times as long as the service takes from the end of a turn to `response.created`."""

    def __init__(self) -> None:
        self._state: Quiet | UserSpeaks | AnswerExpected | AnswerRequested = Quiet()
        self._owed = False
        self._repeat_if_refused = False  # the latest request that was sent

    @property
    def quiet(self) -> bool:
        """Whether the floor is quiet and no answer is owed."""
        return isinstance(self._state, Quiet) and not self._owed

    @property
    def answer_expected(self) -> bool:
        """Whether the user waits for the answer to a turn."""
        return isinstance(self._state, AnswerExpected)

    @property
    def answer_owed(self) -> bool:
        """Whether the client must ask for an answer, or has asked for one that has not begun."""
        return self._owed or isinstance(self._state, AnswerRequested)

    def speech_started(self) -> None:
        self._owe_unsent()
        self._state = UserSpeaks()

    def speech_stopped(self) -> None:
        self._state = AnswerExpected()

    def turn_continues(self) -> None:
        """The service still works on the user's turn: the waiting time begins anew."""
        if isinstance(self._state, AnswerExpected):
            self._state = AnswerExpected()

    def answer_begun(self) -> None:
        """The service has created a response, asked for or not."""
        self._owe_unsent()
        if not isinstance(self._state, UserSpeaks):
            self._state = Quiet()

    def interrupt(self) -> None:
        """Drop what is owed: the user's own turn is answered instead."""
        self._owed = self._repeat_if_refused = False

    def refused(self) -> None:
        """The service refused a request, because a response was active: it is owed again."""
        self._owed = self._owed or self._repeat_if_refused
        self._repeat_if_refused = False
        if isinstance(self._state, AnswerRequested) and self._state.sent:
            self._state = Quiet()

    def failed(self) -> None:
        """The service reported an error: the answer that it was expected to begin does not come."""
        if self._waits:
            self._state = Quiet()

    def tick(self, now_s: float) -> bool:
        """Pass the time; return whether an answer has just been given up."""
        state = self._state
        if not isinstance(state, AnswerExpected | AnswerRequested) or not self._waits:
            return False
        if state.deadline_s is None:
            state.deadline_s = now_s + self.ANSWER_WITHIN_S
        if now_s < state.deadline_s:
            return False
        self._state = Quiet()
        return True

    def owe(self) -> None:
        """Make the client ask for an answer as soon as the floor is quiet."""
        self._owed = True

    def request(self) -> CreateResponse | None:
        """Ask for the answer that is owed, if the floor is quiet."""
        if not self._owed or not isinstance(self._state, Quiet):
            return None
        request = CreateResponse()
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
        state.sent = self._repeat_if_refused = True
        return True

    def reset(self, *, owed: bool) -> None:
        """Start anew after a session has broken off: it begins no more answers."""
        self._state = Quiet()
        self._owed = owed
        self._repeat_if_refused = False

    @property
    def _waits(self) -> bool:
        """Whether the service is expected to begin an answer; not before a request was sent."""
        state = self._state
        return isinstance(state, AnswerExpected) or (
            isinstance(state, AnswerRequested) and state.sent
        )

    def _owe_unsent(self) -> None:
        """Owe again the answer of a request that was not sent and is not due any more."""
        if isinstance(self._state, AnswerRequested) and not self._state.sent:
            self._owed = True
