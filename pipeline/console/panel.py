"""The panel below the conversation: how it stands, as two or three lines; free of I/O.

The first line is the most important one, and so is what stands at the left of each: a narrow or low
terminal leaves out the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from pipeline.console.meters import SILENT, STEPS, Bar

State = Literal["connecting", "reconnecting", "listening", "waiting", "thinking", "speaking"]

_STYLES: dict[State, str] = {
    "connecting": "yellow",
    "reconnecting": "bold yellow",
    "listening": "bold green",
    "waiting": "bold",
    "thinking": "bold yellow",
    "speaking": "bold cyan",
}
_STATE_CELLS = max(map(len, _STYLES))
_WARM_STEP = 14
"""Steps from here on are loud (-18 dB), and from the next one on too loud (-3 dB)."""
_HOT_STEP = 19
_NARROWEST_METER = 4


@dataclass(frozen=True, slots=True)
class PanelView:
    """All that the panel shows; equal views look equal. Texts hold no control characters."""

    state: State
    muted: bool = False
    microphone: Bar = SILENT
    speaker: Bar = SILENT
    cards: tuple[str, ...] = ()
    """Names of the microphone and the speaker, as far as they are known."""
    round_trip_ms: int | None = None
    cut_ms: float | None = None
    """How long the latest interruption took to silence the answer."""
    underruns: int = 0
    left_s: int | None = None
    """Until the session is replaced, in whole minutes; in the last one in seconds."""
    hint: str = ""
    """What a key does now."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the terminal can show."""

    width: int
    height: int
    ascii: bool = False

    @property
    def lines(self) -> int:
        """Lines of the panel; the conversation keeps two at least."""
        return max(0, min(3, self.height - 2))


def panel_lines(view: PanelView, look: Look) -> list[Text]:
    """Return the lines of the panel, none wider than the terminal less one cell."""
    width = look.width - 1  # a full line would leave the cursor between two rows
    if width < 1:
        return []
    lines = [_first_line(view, look, width), _cards(view, look, width), _facts(view, look, width)]
    return [line for line in lines if line.plain][: look.lines]


def meter_text(bar: Bar, cells: int, *, ascii_only: bool) -> Text:
    """Draw a bar of `cells`: filled up to the level, with a mark at the peak."""
    full, empty, mark = ("#", ".", "|") if ascii_only else ("━", "─", "┃")
    level, peak = (round(steps * cells / STEPS) for steps in bar)
    text = Text()
    for cell in range(cells):
        step = (cell + 1) * STEPS / cells
        style = "red" if step > _HOT_STEP else "yellow" if step > _WARM_STEP else "green"
        if peak > level and cell == peak - 1:
            text.append(mark, style)
        elif cell < level:
            text.append(full, style)
        else:
            text.append(empty, "dim")
    return text


def fitted(text: str, cells: int, *, ascii_only: bool) -> str:
    """Return `text`, or what of it fits into `cells` with a mark of its end."""
    if cell_len(text) <= cells:
        return text
    ellipsis = "..." if ascii_only else "…"
    if cells <= len(ellipsis):
        return ellipsis[: max(0, cells)]
    return set_cell_size(text, cells - len(ellipsis)).rstrip() + ellipsis


def _first_line(view: PanelView, look: Look, width: int) -> Text:
    """State and meters; the meters share the room that there is."""
    state = "muted" if view.muted and view.state == "listening" else view.state
    if width < _STATE_CELLS + 1 + _NARROWEST_METER:
        return Text(fitted(state, width, ascii_only=look.ascii), _STYLES[view.state])
    line = Text(f"{state:<{_STATE_CELLS}}", "bold red" if view.muted else _STYLES[view.state])
    room = width - _STATE_CELLS
    labels = ("mic", "speaker") if room >= len("  mic   speaker ") + 2 * _NARROWEST_METER else ()
    if not labels:
        return line.append(" ").append(_microphone(view, min(STEPS, room - 1), look))
    cells = min(STEPS, (room - len("  mic   speaker ")) // 2)
    line.append("  mic ", "dim").append(_microphone(view, cells, look))
    line.append("  speaker ", "dim")
    return line.append(meter_text(view.speaker, cells, ascii_only=look.ascii))


def _microphone(view: PanelView, cells: int, look: Look) -> Text:
    if view.muted:
        return Text(fitted("muted", cells, ascii_only=look.ascii).ljust(cells), "bold red")
    return meter_text(view.microphone, cells, ascii_only=look.ascii)


def _cards(view: PanelView, look: Look, width: int) -> Text:
    """Names of the cards, each in its half of the line if both do not fit."""
    arrow = " -> " if look.ascii else " → "
    room = width - cell_len(arrow)
    names = view.cards
    if len(names) == 2 and sum(map(cell_len, names)) > room:
        first = min(cell_len(names[0]), max(room // 2, room - cell_len(names[1])))
        cells = (first, room - first)
        names = tuple(
            fitted(n, c, ascii_only=look.ascii) for n, c in zip(names, cells, strict=True)
        )
    return Text(fitted(arrow.join(names), width, ascii_only=look.ascii), "dim")


def _facts(view: PanelView, look: Look, width: int) -> Text:
    """Figures, and what a key does; those that do not fit are left out, the last ones first."""
    facts = [view.hint]
    if view.round_trip_ms is not None:
        facts.append(f"round trip {view.round_trip_ms} ms")
    if view.cut_ms is not None:
        facts.append(f"cut {view.cut_ms:.1f} ms")
    facts.append(f"underruns {view.underruns}")
    if view.left_s is not None:
        facts.append(f"session {_left(view.left_s)}")
    return Text(_joined(facts, " | " if look.ascii else " · ", width), "dim")


def _left(left_s: int) -> str:
    return f"{left_s // 60} min" if left_s >= 60 else f"{left_s} s"


def _joined(parts: Iterable[str], separator: str, width: int) -> str:
    line = ""
    for part in filter(None, parts):
        longer = f"{line}{separator}{part}" if line else part
        if cell_len(longer) > width:
            break
        line = longer
    return line
