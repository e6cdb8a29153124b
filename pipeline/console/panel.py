"""The panel below the conversation: how it stands, as two or three lines; free of I/O.

The first line is the most important one, and so is what stands at the left of each: a narrow or low
terminal leaves out the rest. It is made ten times a second, of plain texts with their styles; parts
that look as before are not made again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

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
_STATE_CELLS = 2 + max(map(len, _STYLES))
_WARM_STEP = 14
"""Steps from here on are loud (-18 dB), and from the next one on too loud (-3 dB)."""
_HOT_STEP = 19
_NARROWEST_METER = 4
_LABELS = "  mic ", "  speaker "


class Piece(NamedTuple):
    """A part of a line that looks the same throughout; the style is one of rich's."""

    text: str
    style: str = ""


Line = Sequence[Piece]


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


def text_of(line: Line) -> str:
    return "".join(piece.text for piece in line)


def panel_lines(view: PanelView, look: Look) -> list[Line]:
    """Return the lines of the panel, none wider than the terminal less one cell."""
    width = look.width - 1  # a full line would leave the cursor between two rows
    if width < 1:
        return []
    lines: list[Line] = [
        tuple(_first_line(view, look, width)),
        _cards(view.cards, look, width),
        _facts(
            *(view.hint, view.round_trip_ms, view.cut_ms, view.underruns, view.left_s),
            look=look,
            width=width,
        ),
    ]
    return [line for line in lines if text_of(line)][: look.lines]


@cache
def meter_pieces(bar: Bar, cells: int, *, ascii_only: bool) -> Line:
    """Draw a bar of `cells`: filled up to the level, with a mark at the peak."""
    return tuple(_meter_pieces(bar, cells, ascii_only=ascii_only))


def _meter_pieces(bar: Bar, cells: int, *, ascii_only: bool) -> Iterator[Piece]:
    full, empty, mark = ("#", ".", "|") if ascii_only else ("━", "─", "┃")
    level, peak = (round(steps * cells / STEPS) for steps in bar)

    def style(cell: int) -> str:
        step = (cell + 1) * STEPS / cells
        return "red" if step > _HOT_STEP else "yellow" if step > _WARM_STEP else "green"

    for colour, filled in groupby(range(level), style):
        yield Piece(full * len(list(filled)), colour)
    if peak > level:
        yield Piece(empty * (peak - 1 - level), "dim")
        yield Piece(mark, style(peak - 1))
    yield Piece(empty * (cells - max(level, peak)), "dim")


def fitted(text: str, cells: int, *, ascii_only: bool) -> str:
    """Return `text`, or what of it fits into `cells` with a mark of its end."""
    if cell_len(text) <= cells:
        return text
    ellipsis = "..." if ascii_only else "…"
    if cells <= len(ellipsis):
        return ellipsis[: max(0, cells)]
    return set_cell_size(text, cells - len(ellipsis)).rstrip() + ellipsis


def _first_line(view: PanelView, look: Look, width: int) -> Iterator[Piece]:
    """State and meters; the meters share the room that there is."""
    state = "muted" if view.muted and view.state == "listening" else str(view.state)
    style = "bold red" if view.muted else _STYLES[view.state]
    state = f"{'*' if look.ascii else '●'} {state}"
    room = width - _STATE_CELLS
    if room < 1 + _NARROWEST_METER:
        yield Piece(fitted(state, width, ascii_only=look.ascii), style)
        return
    yield Piece(state.ljust(_STATE_CELLS), style)
    labels = sum(map(len, _LABELS))
    if room < labels + 2 * _NARROWEST_METER:
        yield Piece(" ")
        yield from _microphone(view, min(STEPS, room - 1), look)
        return
    cells = min(STEPS, (room - labels) // 2)
    yield Piece(_LABELS[0], "dim")
    yield from _microphone(view, cells, look)
    yield Piece(_LABELS[1], "dim")
    yield from meter_pieces(view.speaker, cells, ascii_only=look.ascii)


def _microphone(view: PanelView, cells: int, look: Look) -> Iterator[Piece]:
    if view.muted:
        yield Piece(fitted("muted", cells, ascii_only=look.ascii).ljust(cells), "bold red")
    else:
        yield from meter_pieces(view.microphone, cells, ascii_only=look.ascii)


@lru_cache(maxsize=1)
def _cards(names: Sequence[str], look: Look, width: int) -> Line:
    """Names of the cards, each in its half of the line if both do not fit."""
    arrow = " -> " if look.ascii else " → "
    room = width - cell_len(arrow)
    if len(names) == 2 and sum(map(cell_len, names)) > room:
        first = min(cell_len(names[0]), max(room // 2, room - cell_len(names[1])))
        cells = (first, room - first)
        names = [fitted(n, c, ascii_only=look.ascii) for n, c in zip(names, cells, strict=True)]
    return (Piece(fitted(arrow.join(names), width, ascii_only=look.ascii), "dim"),)


@lru_cache(maxsize=1)
def _facts(
    hint: str,
    round_trip_ms: int | None,
    cut_ms: float | None,
    underruns: int,
    left_s: int | None,
    *,
    look: Look,
    width: int,
) -> Line:
    """Figures, and what a key does; those that do not fit are left out, the last ones first."""
    facts = [hint]
    if round_trip_ms is not None:
        facts.append(f"round trip {round_trip_ms} ms")
    if cut_ms is not None:
        facts.append(f"cut {cut_ms:.1f} ms")
    facts.append(f"underruns {underruns}")
    if left_s is not None:
        facts.append(f"session {_left(left_s)}")
    return (Piece(_joined(facts, " | " if look.ascii else " · ", width), "dim"),)


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
