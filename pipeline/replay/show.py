"""Print what happened in a conversation, write its page, and open it."""

import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.recorder.job import WAVE_NAME
from pipeline.replay.figures import Figure, figures
from pipeline.replay.page import page_of, write_page
from pipeline.replay.peaks import peaks_of
from pipeline.replay.recording import Recording, open_recording
from pipeline.replay.sound import PlayableSound, playable
from pipeline.replay.timeline import Timeline, timeline_of
from pipeline.system.text import printable, shortened

PAGE_NAME = "replay.html"
_WIDE = 400
_SPEAKERS = {"user": ("You", "cyan"), "assistant": ("Assistant", "magenta")}
_SHOWN = {
    "marked": ("mark", "yellow"),
    "notice": ("notice", "yellow"),
    "tool_called": ("call", "blue"),
    "tool_answered": ("result", "blue"),
    "session_ready": ("session", "dim"),
    "lost": ("lost", "red"),
    "continued": ("recorder", "yellow"),
}
"""Moments that are printed beside turns and cuts; the page has all."""

_LONGEST_BESIDE = 200


class _Row(NamedTuple):
    place: int
    what: str
    style: str
    text: str


def show(folder: Path, *, against: Path | None, html: Path | None, opens: bool) -> int:
    """Show the recording in `folder`, and return the exit code.

    :raises RecordingError: there is none, or the page cannot be written.
    """
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE  # a turn stays on one line
    with ExitStack() as stack:
        recording, timeline = _read(folder, stack)
        other = _read(against, stack) if against is not None else None
        page = html or folder / PAGE_NAME
        _print_header(console, recording, timeline)
        console.print(_timeline_table(timeline))
        compared = list(
            zip_longest(figures(timeline), figures(other[1]) if other else [], fillvalue=None)
        )
        pairs = [(first, second) for first, second in compared if first is not None]
        console.print(_figures_table(pairs, folder, against))
        for note in [*recording.notes, *(other[0].notes if other else [])]:
            console.print(Text(f"note: {printable(note)}", "yellow"))
        sound = playable(recording.sound, folder / WAVE_NAME, page)
        peaks = peaks_of(recording.sound) if recording.sound else None
        text = page_of(
            recording,
            timeline,
            peaks=peaks,
            sound=sound,
            compared=pairs,
            against=None if against is None else str(against),
        )
        write_page(page, text)
    console.print(Text(f"The page was written to {printable(str(page))}{_beside(sound)}."))
    if opens and not webbrowser.open(page.absolute().as_uri()):
        console.print(Text("No browser was found: open the page by hand."))
    return 0


def _beside(sound: PlayableSound) -> str:
    """Say where the page has its sound, if not within itself."""
    if sound.is_embedded or not sound.source:
        return ""
    return f"; the sound is too long to be part of it, and is played from {WAVE_NAME}"


def _read(folder: Path, stack: ExitStack) -> tuple[Recording, Timeline]:
    recording = open_recording(folder)
    if recording.sound is not None:
        stack.enter_context(closing(recording.sound))
    return recording, timeline_of(recording.entries, recording.samples)


def _print_header(console: Console, recording: Recording, timeline: Timeline) -> None:
    started = recording.fact("started") or "unknown time"
    cards = [recording.fact(name) for name in ("microphone", "speaker")]
    console.print(
        Text(f"{printable(str(recording.folder))}: {started}, {_clock(timeline.end)} long", "bold")
    )
    if any(cards):
        console.print(Text(f"microphone {cards[0]}, speaker {cards[1]}", "dim"))


def _timeline_table(timeline: Timeline) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in sorted(_rows(timeline)):
        table.add_row(_clock(row.place), Text(row.what, row.style), Text(row.text))
    return table


def _rows(timeline: Timeline) -> Iterator[_Row]:
    for turn in timeline.turns:
        yield _Row(turn.begin, *_SPEAKERS[turn.role], turn.text)
    for wait in timeline.waits:
        yield _Row(wait.sounded, "answer", "dim", f"first sound after {wait.ms:.0f} ms")
    for cut in timeline.cuts:
        after = "" if cut.latency_ms is None else f"silent after {cut.latency_ms:.1f} ms; "
        heard_s = cut.heard_samples / SAMPLE_RATE_HZ
        yield _Row(cut.place, "cut", "red", f"{after}{heard_s:.2f} s of the answer were heard")
    for moment in timeline.moments:
        if moment.kind in _SHOWN:
            text = shortened(moment.text, _LONGEST_BESIDE)
            yield _Row(moment.place, *_SHOWN[moment.kind], text)


def _figures_table(
    pairs: list[tuple[Figure, Figure | None]], folder: Path, against: Path | None
) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(Text(printable(str(folder))), justify="right", overflow="fold")
    if against is not None:
        table.add_column(Text(printable(str(against))), justify="right", overflow="fold")
    for figure, other in pairs:
        beside = [Text(str(other))] if against is not None else []
        table.add_row(Text(figure.name), Text(str(figure)), *beside)
    return table


def _clock(place: int) -> str:
    tenths = place * 10 // SAMPLE_RATE_HZ
    minutes, hours = tenths // 600 % 60, tenths // 36_000
    seconds = f"{tenths // 10 % 60:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"
