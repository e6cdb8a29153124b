"""Draw the live screen for the documentation: the real program on a terminal, as it looked.

`python -m scripts.screens` holds a conversation with the offline service over a sound card (JACK's
dummy driver) on a terminal of 80x24 and of 120x40. It writes docs/images/screen-*.svg, and puts one
screen as text between the marks of README.md. Take them on a machine that is calm: the figures of
the panel are measured.
"""

import os
import re
import sys
import tempfile
from functools import partial
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyte
import soundfile

from pipeline.audio.selection import SAMPLE_WAV
from pipeline.pcm import SAMPLE_RATE_HZ, Samples
from tests.support.jack_card import JackCard, JackPeer
from tests.support.program import REPOSITORY, Program
from tests.support.terminal import TerminalProgram

SIZES = ((80, 24), (120, 40))
IN_README = "interrupted", (120, 40)
CALM_LOAD = 3.0
QUESTION_S = 2.4
"""The first sentence of the recorded user ends before."""

IMAGES = REPOSITORY / "docs/images"
README = REPOSITORY / "README.md"
MARKS = re.compile(r"(<!-- screen -->\n```\n).*?(```\n<!-- /screen -->)", re.DOTALL)

_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 8.4, 17, 12
_COLOURS = {
    "default": "#d0d0d0",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",  # what pyte calls yellow
    "cyan": "#56b6c2",
    "blue": "#61afef",
    "magenta": "#c678dd",
}
_FONTS = "ui-monospace, Menlo, Consolas, monospace"
_BACKGROUND, _CURSOR = "#1e1e1e", "#808080"
_DIM, _ITALIC = b"\x1b[2m", b"\x1b[3m"
"""The emulated terminal knows no dim characters, and the program writes no italic ones."""


class Cell(NamedTuple):
    """A character and how it is drawn."""

    text: str
    colour: str
    bold: bool
    dim: bool


class Screen(NamedTuple):
    """What a terminal shows."""

    rows: list[list[Cell]]
    cursor: tuple[int, int] | None
    """Column and line; None if it is hidden."""

    @property
    def text(self) -> str:
        lines = ["".join(cell.text for cell in row).rstrip() for row in self.rows]
        return "\n".join(lines).strip("\n") + "\n"


def main() -> int:
    if os.getloadavg()[0] > CALM_LOAD:
        print(f"The load is {os.getloadavg()[0]:.1f}: wait until it is below {CALM_LOAD:g}.")
        return 1
    with JackCard() as card:
        for columns, lines in SIZES:
            for name, screen in screens(card, columns, lines).items():
                path = IMAGES / f"screen-{name}-{columns}x{lines}.svg"
                path.write_text(svg(screen), encoding="utf-8")
                print(f"wrote {path}")
                if (name, (columns, lines)) == IN_README:
                    _put_into_readme(screen.text)
    return 0


def screens(card: JackCard, columns: int, lines: int) -> dict[str, Screen]:
    """Hold a conversation, and return the screen in each state."""
    taken: dict[str, Screen] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        JackPeer(card) as peer,
        Program("serve", "--key", "k", cwd=Path(folder)) as service,
    ):
        service.wait_output("http://")
        endpoint = re.search(r"http://[\d.:]+", service.out)
        if endpoint is None:
            raise RuntimeError(service.said)
        with TerminalProgram(
            *("run", "--endpoint", endpoint[0], "--ears", "off"),
            cwd=Path(folder),
            columns=columns,
            lines=lines,
            environment={"AZURE_VOICELIVE_API_KEY": "k", **card.environment},
        ) as program:
            take = partial(_take, taken, program)
            peer.connect(program.check_running)
            program.wait_panel("listening", "round trip")
            peer.say(_question())
            program.wait_output("You: ")
            program.wait_output("Ready\n")
            _wait_heard(program, peer, 2.0)
            take("idle", "listening")
            program.press("tTell me a long story.")
            take("typed", "> Tell me a long story.")
            program.press("\r")
            program.wait_output("Here is a long story")
            take("speaking", "speaking", "speaker ━━")
            program.press("i")
            program.wait_output("Interrupted after")
            take("interrupted", "listening", "cut ")
            program.press(" ")
            take("muted", "mic muted")
            _wait_heard(program, peer, 1.0)  # at once, it would be the same key, held
            program.press(" ")
            program.wait_panel("listening")
            service.signal(9)
            take("reconnecting", "reconnecting")
            program.press("q")
            program.wait_exit()
    return taken


def svg(screen: Screen) -> str:
    """Draw a screen."""
    columns, lines = len(screen.rows[0]), len(screen.rows)
    width = round(columns * _CELL_WIDTH + 2 * _MARGIN)
    height = lines * _CELL_HEIGHT + 2 * _MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">',
        f"<style>text {{ font: 14px {_FONTS}; white-space: pre }}</style>",
        f'<rect width="{width}" height="{height}" rx="6" fill="{_BACKGROUND}"/>',
    ]
    if screen.cursor is not None:
        column, line = screen.cursor
        x, y = _MARGIN + column * _CELL_WIDTH, _MARGIN + line * _CELL_HEIGHT
        drawn.append(
            f'<rect x="{x:.1f}" y="{y}" width="{_CELL_WIDTH}" height="{_CELL_HEIGHT}" '
            f'fill="{_CURSOR}"/>'
        )
    for number, row in enumerate(screen.rows):
        drawn += _drawn_row(row, _MARGIN + (number + 0.75) * _CELL_HEIGHT)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _drawn_row(row: list[Cell], y: float) -> list[str]:
    drawn, column = [], 0
    for (colour, bold, dim), run in groupby(row, lambda cell: cell[1:]):
        text = "".join(cell.text for cell in run)
        if text.strip():
            style = ' font-weight="bold"' * bold + ' opacity="0.6"' * dim
            drawn.append(
                f'<text x="{_MARGIN + column * _CELL_WIDTH:.1f}" y="{y:.1f}" '
                f'textLength="{len(text) * _CELL_WIDTH:.1f}" fill="{_COLOURS[colour]}"{style}>'
                f"{escape(text, quote=False)}</text>"
            )
        column += len(text)
    return drawn


def _take(taken: dict[str, Screen], program: TerminalProgram, name: str, *texts: str) -> None:
    """Wait until the panel holds `texts`, and keep the screen."""
    program.wait_panel(*texts)
    screen = pyte.Screen(program.screen.columns, program.screen.lines)
    pyte.ByteStream(screen).feed(program.written.replace(_DIM, _ITALIC))
    rows = [
        [
            Cell(cell.data, cell.fg, bold=cell.bold, dim=cell.italics)
            for cell in (screen.buffer[line][column] for column in range(screen.columns))
        ]
        for line in range(screen.lines)
    ]
    cursor = screen.cursor
    taken[name] = Screen(rows, None if cursor.hidden else (cursor.x, cursor.y))


def _question() -> Samples:
    """Return a question, and a room in which nobody speaks for a minute."""
    spoken, _ = soundfile.read(SAMPLE_WAV, dtype="int16")
    room = np.random.default_rng(1).normal(0, 20, 60 * SAMPLE_RATE_HZ).astype(np.int16)
    question = spoken[: round(QUESTION_S * SAMPLE_RATE_HZ)]
    room[: len(question)] += question
    return room


def _wait_heard(program: TerminalProgram, peer: JackPeer, seconds: float) -> None:
    until = peer.heard_samples + round(seconds * SAMPLE_RATE_HZ)
    program.wait_until(lambda: peer.heard_samples > until)


def _put_into_readme(text: str) -> None:
    readme = README.read_text(encoding="utf-8")
    changed, count = MARKS.subn(lambda found: f"{found[1]}{text}{found[2]}", readme)
    if not count:
        raise ValueError("README.md has no <!-- screen --> mark")
    README.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
