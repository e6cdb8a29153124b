"""This program's own processes as a client that can be measured."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NoReturn, Protocol

from pipeline.bench.clients import Client, Design, Facts
from pipeline.config.settings import Settings
from pipeline.errors import ProcessDiedError
from pipeline.ipc.commands import CallTool, CancelTool, Command, OfferTools
from pipeline.ipc.processes import Children
from pipeline.ipc.reports import (
    ClockStarted,
    EventRead,
    Finished,
    PeriodsMissed,
    ToolEnded,
    ToolReturned,
    ToolsLoaded,
)
from pipeline.pcm import FRAME_MS
from pipeline.shm.state import SharedState
from pipeline.toolbox import Toolbox

PLAYS_ON_MS = 30
"""Far beyond its budget, so that the next turn does not hide a slow cut."""


class Voice(Protocol):
    """What there is of the voice processes outside them."""

    state: SharedState

    def tell_network(self, command: Command) -> None: ...


class StartVoice(Protocol):
    """Starts the voice processes with the WAV files and the endpoint of the settings.

    With a `device` that one plays, and the file records what it is given.
    """

    def __call__(
        self, children: Children, stack: ExitStack, settings: Settings, device: str | None = None
    ) -> Voice: ...


def three_processes(
    start_voice: StartVoice, period_ms: float, frame_ms: int = FRAME_MS, device: str | None = None
) -> Design:
    """This program, as `start_voice` starts it."""
    return Design(
        "this program",
        period_ms,
        frame_ms,
        plays_on_ms=PLAYS_ON_MS,
        plays_late_deltas=False,
        start=partial(_run, partial(start_voice, device=device)),
        device=device,
    )


@contextmanager
def _run(
    start_voice: Callable[[Children, ExitStack, Settings], Voice], settings: Settings
) -> Iterator[Client]:
    with Children() as children, ExitStack() as stack:
        client = _ThreeProcesses(children, start_voice(children, stack, settings), settings)
        yield client


class _ThreeProcesses:
    """Does for the voice processes what the supervisor does, but shows nothing."""

    def __init__(self, children: Children, voice: Voice, settings: Settings) -> None:
        self.facts = Facts()
        self._children = children
        self._voice = voice
        self._toolbox = Toolbox(
            children,
            settings.tools,
            settings.tool_timeout_s,
            verbose=False,
            offer=lambda tools: voice.tell_network(OfferTools(tools)),
            answer=voice.tell_network,
            notice=_fail,
        )
        if settings.tools:
            self._toolbox.start()

    def wait_news(self, timeout_s: float) -> None:
        for report in self._children.reports(timeout_s):
            match report:
                case ClockStarted(part, start_ns):
                    self.facts.clock_starts_ns[part] = start_ns
                case EventRead():
                    self.facts.events.append(report)
                case Finished():
                    self.facts.finished = True
                case PeriodsMissed(part, periods):
                    self.facts.missed[part] += periods
                case ToolsLoaded() | CallTool() | CancelTool() | ToolReturned() | ToolEnded():
                    self._toolbox.follow(report)
        self._toolbox.tick()
        playback = self._voice.state.playback
        self.facts.played_samples = playback.played_samples.load()
        self.facts.playout_waited_ns = playback.playout_waited_ns.load()

    def processes(self) -> dict[str, int]:
        names = ("capture", "network", "playback", "tools")
        running = {child.name: child.pid or 0 for child in multiprocessing.active_children()}
        return {name: running[name] for name in names if name in running}


def _fail(sentence: str) -> NoReturn:
    raise ProcessDiedError(sentence)
