"""What the keys do; each is a call of the library. Knows no terminal.

A key that can do nothing at the moment says so.
"""

from collections.abc import Callable
from typing import Protocol

from pipeline.console.panel_model import PanelModel

HELP = (
    "Keys: space {space}, i interrupts the answer, t types a line instead of speaking, "
    "r marks this moment in the recording, q quits."
)
_MUTES = "mutes the microphone"
_TALKS = "begins and ends your turn (or hold it, where the terminal tells of the release)"
HINT, TALK_HINT = "? keys", "space to speak, ? keys"

_MUTED = "Muted: the service hears silence. Space ends that."
_UNMUTED = "The microphone is heard again."
_NO_ANSWER = "There is no answer to interrupt."
_NOT_CONNECTED = "There is no answer to interrupt: the conversation has not begun."
_WAITS = "Said as soon as the conversation begins: it is still connecting."
_NO_RECORDING = "Nothing is marked, because nothing is recorded: start with --record DIR."


class Session(Protocol):
    """What the keys use of a session."""

    def say(self, text: str) -> None: ...
    def interrupt(self) -> None: ...
    def mute(self) -> None: ...
    def unmute(self) -> None: ...
    def begin_turn(self) -> None: ...
    def end_turn(self) -> None: ...
    def mark(self, text: str = "") -> None: ...


class KeyCommands:
    """Carries out keys.

    :param tell: shows a sentence.
    :param type_line: opens the line in which a turn is typed.
    :param end_run: ends the run as Ctrl-C does.
    :param now_s: ``time.monotonic``.
    """

    def __init__(
        self,
        session: Session,
        model: PanelModel,
        *,
        marks_turns: bool,
        records: bool,
        tell: Callable[[str], None],
        type_line: Callable[[], None],
        end_run: Callable[[], None],
        now_s: Callable[[], float],
    ) -> None:
        self._session = session
        self._model = model
        self._marks_turns = marks_turns
        self._records = records
        self._tell = tell
        self._now_s = now_s
        self._space_s = self._counted_s = float("-inf")
        self._commands = {
            " ": self._turn if marks_turns else self._mute,
            "i": self._interrupt,
            "t": type_line,
            "r": self._mark,
            "q": end_run,
            "?": self._help,
        }

    def press(self, key: str, *, held: bool = False) -> None:
        """Carry out a key; one without a meaning does nothing.

        :param held: whether the terminal will tell when the key is released.
        """
        if key == " " and not held and self._repeats():
            return
        if command := self._commands.get(key):
            command()

    def release(self, key: str) -> None:
        """End the turn that the key has begun, if it was held."""
        if key == " " and self._marks_turns and self._model.turn_begun:
            self._turn()

    def say(self, text: str) -> None:
        """Take a typed line as a turn."""
        if not text.strip():
            return
        self._session.say(text)
        self._model.asked()
        if not self._model.opened:
            self._tell(_WAITS)

    def _repeats(self) -> bool:
        """Whether space is held on a terminal that only repeats it."""
        now_s = self._now_s()
        before_s, self._space_s = self._space_s, now_s
        if now_s - before_s < REPEATS_WITHIN_S or now_s - self._counted_s < FIRST_REPEAT_WITHIN_S:
            return True
        self._counted_s = now_s
        return False

    def _mute(self) -> None:
        muted = self._model.muted = not self._model.muted
        if muted:
            self._session.mute()
        else:
            self._session.unmute()
        self._tell(_MUTED if muted else _UNMUTED)

    def _turn(self) -> None:
        begun = self._model.turn_begun = not self._model.turn_begun
        if begun:
            self._session.begin_turn()
        else:
            self._session.end_turn()

    def _interrupt(self) -> None:
        if not self._model.opened:
            self._tell(_NOT_CONNECTED)
        elif self._model.answering(self._now_s()):
            self._session.interrupt()
        else:
            self._tell(_NO_ANSWER)

    def _mark(self) -> None:
        if self._records:
            self._session.mark()
        else:
            self._tell(_NO_RECORDING)

    def _help(self) -> None:
        self._tell(HELP.format(space=_TALKS if self._marks_turns else _MUTES))


REPEATS_WITHIN_S = 0.2
"""A key that is held is repeated faster than anybody presses it."""

FIRST_REPEAT_WITHIN_S = 0.75
"""Terminals wait 0.25 to 0.66 s before the first repeat."""
