"""What the keys do, at every stage of a conversation."""

from collections.abc import Callable

import pytest

from pipeline.console.key_commands import REPEATS_WITHIN_S, KeyCommands
from pipeline.console.panel_model import PanelModel
from pipeline.ipc.events import Opened, Processing, SessionReady


class Session:
    """Records what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *texts: self.asked.append(" ".join((name, *texts)))


class Keys:
    def __init__(
        self, *, opened: bool = True, marks_turns: bool = False, records: bool = False
    ) -> None:
        self.session = Session()
        self.model = PanelModel(marks_turns=marks_turns)
        if opened:
            self.model.take(SessionReady("s", "m", "v"))
            self.model.take(Opened())
        self.told: list[str] = []
        self.called: list[str] = []
        self.now_s = 0.0
        self.commands = KeyCommands(
            self.session,
            self.model,
            marks_turns=marks_turns,
            records=records,
            tell=self.told.append,
            type_line=lambda: self.called.append("type"),
            end_run=lambda: self.called.append("end"),
            now_s=lambda: self.now_s,
        )

    def press(self, key: str, *, held: bool = False, after_s: float = 1.0) -> None:
        self.now_s += after_s
        self.commands.press(key, held=held)


@pytest.mark.parametrize("opened", [True, False])
def test_space_mutes_and_unmutes(opened: bool) -> None:
    keys = Keys(opened=opened)
    keys.press(" ")
    assert keys.model.muted
    keys.press(" ")
    assert not keys.model.muted
    assert keys.session.asked == ["mute", "unmute"]
    assert keys.told == [
        "Muted: the service hears silence. Space ends that.",
        "The microphone is heard again.",
    ]


@pytest.mark.parametrize("delay_s", [0.25, 0.5, 0.66])
def test_a_space_that_repeats_counts_once(delay_s: float) -> None:
    keys = Keys()
    keys.press(" ")
    keys.press(" ", after_s=delay_s)
    for _ in range(60):
        keys.press(" ", after_s=0.033)
    assert keys.session.asked == ["mute"]
    keys.press(" ", after_s=REPEATS_WITHIN_S)
    assert keys.session.asked == ["mute", "unmute"]


@pytest.mark.parametrize("opened", [True, False])
def test_space_begins_and_ends_a_turn(opened: bool) -> None:
    keys = Keys(opened=opened, marks_turns=True)
    keys.press(" ")
    assert keys.model.turn_begun
    keys.press(" ")
    assert keys.session.asked == ["begin_turn", "end_turn"]
    assert not keys.model.turn_begun


def test_a_held_space_is_a_turn() -> None:
    keys = Keys(marks_turns=True)
    keys.press(" ", held=True)
    keys.commands.release(" ")
    keys.press(" ", held=True, after_s=0.01)
    assert keys.session.asked == ["begin_turn", "end_turn", "begin_turn"]
    keys.press(" ", held=True)  # its release was lost
    keys.commands.release(" ")
    assert keys.session.asked[3:] == ["end_turn"]


def test_a_released_key_mutes_nothing() -> None:
    keys = Keys()
    keys.commands.release(" ")
    keys.commands.release("i")
    assert keys.session.asked == []


def test_interrupting() -> None:
    keys = Keys()
    keys.press("i")
    assert keys.told == ["There is no answer to interrupt."]
    keys.model.take(Processing())
    keys.press("i")
    assert keys.session.asked == ["interrupt"]


def test_interrupting_before_the_conversation_begins() -> None:
    keys = Keys(opened=False)
    keys.press("i")
    assert keys.session.asked == []
    assert keys.told == ["There is no answer to interrupt: the conversation has not begun."]


def test_marking() -> None:
    keys = Keys(records=True)
    keys.press("r")
    assert keys.session.asked == ["mark"]
    assert keys.told == []


def test_marking_without_a_recording() -> None:
    keys = Keys()
    keys.press("r")
    assert keys.session.asked == []
    assert keys.told == ["Nothing is marked, because nothing is recorded: start with --record DIR."]


def test_typing() -> None:
    keys = Keys()
    keys.press("t")
    assert keys.called == ["type"]
    keys.commands.say("What time is it?")
    keys.commands.say("  ")
    assert keys.session.asked == ["say What time is it?"]
    assert keys.told == []


def test_typing_before_the_conversation_begins() -> None:
    keys = Keys(opened=False)
    keys.commands.say("Hello")
    assert keys.session.asked == ["say Hello"]
    assert keys.told == ["Said as soon as the conversation begins: it is still connecting."]


def test_ending_and_help_and_nothing() -> None:
    keys = Keys()
    for key in ("q", "?", "x", ""):
        keys.press(key)
    assert keys.called == ["end"]
    (sentence,) = keys.told
    assert sentence.startswith("Keys: space mutes the microphone, i interrupts the answer, t types")
    assert keys.session.asked == []


def test_help_with_marked_turns() -> None:
    keys = Keys(marks_turns=True)
    keys.press("?")
    assert "space begins and ends your turn" in keys.told[0]
