"""Draws the panel when something of it has changed."""

import time
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pipeline.api.blocking import BlockingVoiceSession
from pipeline.api.values import Metrics
from pipeline.console.ink import Ink
from pipeline.console.panel import Line, Look, panel_lines, text_of
from pipeline.console.panel_file import PanelFile, PanelLine
from pipeline.console.panel_model import Figures, PanelModel
from pipeline.errors import SessionError

if TYPE_CHECKING:
    from pipeline.console.typed_line import Shown, TypedLine

UPDATE_S = 0.1
"""Shortest time between two changes of the panel, unless a key asks for one."""

FIGURES_S = 0.5
"""How often the counters are looked at."""


class PanelDrawing:
    """Draws what a model holds below the conversation, with the figures of its session."""

    def __init__(self, file: PanelFile, ink: Ink, model: PanelModel) -> None:
        self._file = file
        self._ink = ink
        self._model = model
        self._ascii = not file.encoding.lower().startswith("utf")
        self._shown: object = None
        self._next_s = 0.0
        self._metrics: Metrics | None = None
        self._metrics_s = 0.0
        self._written = lru_cache(maxsize=8)(self._write_line)

    def renew_figures(self) -> None:
        """Look at the counters again when the panel is drawn next."""
        self._metrics_s = 0.0

    def hurry(self) -> None:
        """Let the next change be shown at once."""
        self._next_s = 0.0

    def forget(self) -> None:
        """The panel that was drawn is not there any more."""
        self._shown = None

    def draw(self, session: BlockingVoiceSession, typed: "TypedLine | None") -> None:
        """Draw the panel if something of it has changed, at most every `UPDATE_S`."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + UPDATE_S
        if self._metrics is None or now_s >= self._metrics_s:
            try:
                self._metrics, self._metrics_s = session.metrics, now_s + FIGURES_S
            except SessionError:  # it has not begun, and perhaps never does: its error is told
                return
        view = self._model.look(Figures(self._metrics, session.heard), now_s)
        look = Look(*self._file.size, self._ascii)
        line = typed.shown(look.width, ascii_only=look.ascii) if typed else None
        shown = (view, look, line)
        if shown == self._shown:
            return
        self._shown = shown
        self._show(panel_lines(view, look), line)

    def _show(self, lines: list[Line], typed: "Shown | None") -> None:
        if typed is None:
            self._file.show_panel([self._written(line) for line in lines])
        else:
            above = lines[:-1] if len(lines) > 1 else []
            shown = [self._written(line) for line in (*above, typed.line)]
            self._file.show_panel(shown, typed.cursor)

    def _write_line(self, line: Line) -> PanelLine:
        written = "".join(self._ink.write(text, style) for text, style in line)
        return PanelLine(written, cell_len(text_of(line)))
