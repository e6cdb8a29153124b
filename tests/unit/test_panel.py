"""The panel below the conversation: what it says at every size, and how it follows events."""

import math
from dataclasses import replace
from typing import Literal

import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from pipeline.api.values import Heard, Metrics
from pipeline.console.ink import Ink
from pipeline.console.meters import FALL_STEPS, HOLD_S, STEPS, Bar, Meter, steps_of
from pipeline.console.panel import Look, PanelView, fitted, meter_pieces, panel_lines, text_of
from pipeline.console.panel_model import SOUNDS_S, Figures, PanelModel
from pipeline.ipc.events import (
    AssistantDone,
    Connecting,
    Event,
    Interrupted,
    Levels,
    Listening,
    Loudness,
    Opened,
    Processing,
    Ready,
    SessionReady,
    Started,
)
from pipeline.pcm import NS_PER_S

METRICS = Metrics(
    captured_ms=0,
    sent_ms=0,
    lost_ms=0,
    overruns=0,
    played_ms=0,
    interruptions=0,
    pauses=0,
    underruns=2,
    playout_delay_ms=0,
    round_trip_ms=41.6,
    cut_ms=4.26,
    session_left_s=1_475.5,
)
VIEW = PanelView(
    state="speaking",
    microphone=Bar(5, 10),
    speaker=Bar(15, 18),
    cards=("Jabra Evolve2 65 (ALSA)", "HDA Intel PCH (ALSA)"),
    round_trip_ms=42,
    cut_ms=4.26,
    underruns=2,
    left_s=1_440,
    hint="? keys",
)


def plain(view: PanelView, width: int, height: int = 24, *, ascii: bool = False) -> list[str]:  # noqa: A002
    return [text_of(line) for line in panel_lines(view, Look(width, height, ascii))]


def test_panel_on_a_usual_terminal() -> None:
    assert plain(VIEW, 80) == [
        "● speaking      mic ━━━━━────┃──────────  speaker ━━━━━━━━━━━━━━━──┃──",
        "Jabra Evolve2 65 (ALSA) → HDA Intel PCH (ALSA)",
        "? keys · round trip 42 ms · cut 4.3 ms · underruns 2 · session 24 min",
    ]
    assert plain(VIEW, 120) == plain(VIEW, 80)


def test_panel_without_utf_8() -> None:
    lines = plain(VIEW, 80, ascii=True)
    assert lines == [
        "* speaking      mic #####....|..........  speaker ###############..|..",
        "Jabra Evolve2 65 (ALSA) -> HDA Intel PCH (ALSA)",
        "? keys | round trip 42 ms | cut 4.3 ms | underruns 2 | session 24 min",
    ]
    assert all(line.isascii() for line in lines)


def test_panel_on_20_columns() -> None:
    assert plain(VIEW, 20) == ["● speaking     ━┃──", "Jabra E… → HDA Int…", "? keys"]


@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal(ascii_only: bool) -> None:
    wide = replace(VIEW, cards=("マイク" * 9, "スピーカー" * 5), muted=True)
    for width in range(1, 140):
        for view in (VIEW, wide, replace(VIEW, state="reconnecting")):
            assert all(cell_len(line) < width for line in plain(view, width, ascii=ascii_only))


@pytest.mark.parametrize(("height", "lines"), [(24, 3), (5, 3), (4, 2), (3, 1), (2, 0), (1, 0)])
def test_a_low_terminal_leaves_room_for_the_conversation(height: int, lines: int) -> None:
    assert len(plain(VIEW, 80, height)) == lines


def test_muted_is_said_in_the_place_of_the_meter() -> None:
    first, *_ = plain(replace(VIEW, state="listening", muted=True), 80)
    assert first.split() == ["●", "muted", "mic", "muted", "speaker", "━━━━━━━━━━━━━━━──┃──"]


def test_last_minute_is_told_in_seconds() -> None:
    assert plain(replace(VIEW, left_s=59), 80)[-1].endswith("session 59 s")


@pytest.mark.parametrize(
    ("dbfs", "steps"), [(0, 20), (3, 20), (-60, 0), (-30, 10), (-100, 0), (-math.inf, 0)]
)
def test_steps_of_a_level(dbfs: float, steps: int) -> None:
    assert steps_of(dbfs, STEPS) == steps


def test_meter_holds_the_peak() -> None:
    meter = Meter()
    meter.take(-30.0, -6.0, 10.0)
    assert meter.bar == Bar(10, 18)
    meter.take(-60.0, -45.0, 10.0 + HOLD_S / 2)
    assert meter.bar == Bar(10 - FALL_STEPS, 18)
    meter.take(-60.0, -45.0, 10.0 + HOLD_S)
    assert meter.bar == Bar(10 - 2 * FALL_STEPS, 5)


def test_narrow_meter_keeps_the_shares() -> None:
    assert text_of(list(meter_pieces(Bar(10, 20), 4, ascii_only=True))) == "##.|"


def test_fitted_text_says_that_it_goes_on() -> None:
    assert fitted("loudspeaker", 11, ascii_only=False) == "loudspeaker"
    assert fitted("loudspeaker", 5, ascii_only=False) == "loud…"
    assert fitted("loudspeaker", 5, ascii_only=True) == "lo..."
    assert fitted("loudspeaker", 2, ascii_only=True) == ".."


class Followed:
    """A panel's model, its figures and its clock."""

    def __init__(self, *, marks_turns: bool = False) -> None:
        self.model = PanelModel(marks_turns=marks_turns)
        self.metrics = METRICS
        self.heard = Heard(0, 0)
        self.now_s = 100.0

    def after(self, *events: Event) -> str:
        for event in events:
            self.model.take(event)
        return self.view.state

    @property
    def view(self) -> PanelView:
        return self.model.look(Figures(self.metrics, self.heard), self.now_s)


OPENED = (SessionReady("s", "m", "v"), Opened())


def test_states_of_a_conversation() -> None:
    followed = Followed()
    assert followed.after(Connecting("there")) == "connecting"
    assert followed.after(*OPENED) == "listening"
    assert followed.after(Listening(), Processing()) == "thinking"
    followed.heard = Heard(1, 240)
    assert followed.view.state == "speaking"
    followed.now_s += SOUNDS_S
    assert followed.after() == "thinking"  # the answer has paused
    assert followed.after(Ready()) == "listening"


def test_an_interruption_ends_what_was_due() -> None:
    followed = Followed()
    followed.after(*OPENED, Processing())
    assert followed.after(AssistantDone("", "", cut=True)) == "listening"
    followed.after(Processing())
    assert followed.view.cut_ms is None
    assert followed.after(Interrupted(300)) == "listening"
    assert followed.view.cut_ms == METRICS.cut_ms
    followed.metrics = METRICS._replace(cut_ms=9.0)  # of a hold, or of nothing that sounded
    assert followed.view.cut_ms == METRICS.cut_ms


def test_a_typed_turn_is_thought_about() -> None:
    followed = Followed()
    followed.after(*OPENED)
    followed.model.asked()
    assert followed.view.state == "thinking"


def test_a_lost_session_is_told_until_there_is_another() -> None:
    followed = Followed()
    followed.after(*OPENED)
    followed.metrics = METRICS._replace(session_left_s=None)
    assert followed.view.state == "reconnecting"
    assert followed.view.round_trip_ms is None
    assert followed.after(Connecting("there")) == "reconnecting"
    followed.metrics = METRICS
    assert followed.view.state == "reconnecting"
    assert followed.after(SessionReady("s", "m", "v")) == "listening"


def test_marked_turns() -> None:
    followed = Followed(marks_turns=True)
    assert followed.after(*OPENED) == "waiting"
    followed.model.turn_begun = True
    assert followed.view.state == "listening"


def test_figures_are_coarse_so_that_the_panel_rests() -> None:
    followed = Followed()
    followed.after(*OPENED)
    view = followed.view
    assert (view.round_trip_ms, view.underruns, view.left_s) == (42, 2, 24 * 60)
    followed.metrics = METRICS._replace(round_trip_ms=41.9, session_left_s=1_450.0)
    assert followed.view == view
    followed.metrics = METRICS._replace(round_trip_ms=0.04, session_left_s=12.9)
    assert (followed.view.round_trip_ms, followed.view.left_s) == (1, 12)


def test_cards_and_levels() -> None:
    followed = Followed()
    followed.after(
        Started("speaker", "Evil\x1b[2J: card (JACK): 48000 Hz, 2 channel(s), period 5 ms"),
        Started("microphone", "question.wav: 2.0 s, 16000 Hz, 1 channel(s)"),
        Started("network", "event loop uvloop"),
        Levels(Loudness(-30.0, -42.0), Loudness(-100.0, -100.0), time_ns=NS_PER_S),
    )
    assert followed.view.cards == ("question.wav", "Evil: card (JACK)")
    assert followed.view.microphone == Bar(6, 10)
    assert followed.view.speaker == Bar(0, 0)


@pytest.mark.parametrize(("colours", "written"), [("standard", "\x1b[1;31mx\x1b[0m"), (None, "x")])
def test_ink_writes_as_rich_does(colours: Literal["standard"] | None, written: str) -> None:
    ink = Ink(RichConsole(color_system=colours, force_terminal=True, no_color=False))
    assert ink.write("x", "bold red") == written
    assert ink.write("", "bold red") == ""


def test_ink_without_colour() -> None:
    ink = Ink(RichConsole(color_system="standard", force_terminal=True, no_color=True))
    assert ink.write("x", "bold red") == "\x1b[1mx\x1b[0m"
    assert ink.write("x", "green") == "x"
