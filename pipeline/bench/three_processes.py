"""This program's own processes as a client that can be measured."""

import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import NoReturn

from pipeline.audio.selection import CardChoice, choose
from pipeline.bench.clients import Client, Design, Facts
from pipeline.config.settings import Settings
from pipeline.errors import ProcessDiedError, SettingsError
from pipeline.ipc.commands import CallTool, CancelTool, OfferTools
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import (
    ClockStarted,
    EventRead,
    Finished,
    PeriodsMissed,
    Report,
    ToolEnded,
    ToolReturned,
    ToolsLoaded,
)
from pipeline.pcm import FRAME_MS
from pipeline.supervisor.devices import find_devices
from pipeline.supervisor.tool_process import ToolProcess
from pipeline.supervisor.voice_processes import VoiceProcesses, start_voice_processes

PLAYS_ON_MS = 30
"""Far beyond its budget, so that the next turn does not hide a slow cut."""


def three_processes(
    period_ms: float, frame_ms: int = FRAME_MS, device: str | None = None
) -> Design:
    """This program, playing on WAV files or on a real `device`, number or part of its name."""
    return Design(
        "this program",
        period_ms,
        frame_ms,
        plays_on_ms=PLAYS_ON_MS,
        plays_late_deltas=False,
        start=partial(_run, device=device),
        device=device,
    )


@contextmanager
def _run(settings: Settings, device: str | None) -> Iterator[Client]:
    with ChildProcesses() as children, ExitStack() as stack:
        microphone, speaker = _cards(children, settings, device)
        voice = start_voice_processes(children, stack, settings, microphone, speaker)
        yield _ThreeProcesses(children, voice, settings)


def _cards(
    children: ChildProcesses, settings: Settings, device: str | None
) -> tuple[CardChoice, CardChoice]:
    """The WAV files of `settings`; with a `device` that one plays, and is recorded to the file."""
    microphone = choose(settings.input, "input", ())
    speaker = choose(settings.output, "output", ())
    if microphone is None or speaker is None:
        raise SettingsError("bench needs a file in the place of each card.")
    if device is not None:
        real = choose(device, "output", find_devices(children, settings.verbose, _ignore))
        speaker = replace(real or speaker, tap=speaker.file)
    return microphone, speaker


class _ThreeProcesses:
    """Does for the voice processes what the supervisor does, but shows nothing."""

    def __init__(self, children: ChildProcesses, voice: VoiceProcesses, settings: Settings) -> None:
        self.facts = Facts()
        self._children = children
        self._voice = voice
        self._tool_process = ToolProcess(
            children,
            settings.tools,
            settings.tool_timeout_s,
            verbose=False,
            offer=lambda tools: voice.tell_network(OfferTools(tools)),
            answer=voice.tell_network,
            notice=_fail,
        )
        if settings.tools:
            self._tool_process.start()

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
                    self._tool_process.handle(report)
        self._tool_process.enforce_limits()
        playback = self._voice.state.playback
        self.facts.played_samples = playback.played_samples.load()
        self.facts.playout_waited_ns = playback.playout_waited_ns.load()

    def processes(self) -> dict[str, int]:
        names = ("capture", "network", "playback", "tools")
        running = {child.name: child.pid or 0 for child in multiprocessing.active_children()}
        return {name: running[name] for name in names if name in running}


def _ignore(_: Report) -> None:
    """Leave a report without an answer."""


def _fail(sentence: str) -> NoReturn:
    raise ProcessDiedError(sentence)
