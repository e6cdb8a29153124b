"""This program's own processes as a client."""

import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import NoReturn

from pipeline.audio.selection import DeviceChoice, choose_device
from pipeline.bench.clients import Client, ClientState, Design
from pipeline.bench.voice_processes import start_voice_processes
from pipeline.config.settings import Settings
from pipeline.errors import ProcessDiedError, SettingsError, WavError
from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.events import ClockStarted, EventRead, Finished, PeriodsMissed, RecordingEnded
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import RecorderEnded, ToolEnded, ToolReturned, ToolsLoaded, event_of
from pipeline.pcm import FRAME_MS
from pipeline.supervisor.devices import find_devices
from pipeline.supervisor.ears import choose_ears
from pipeline.supervisor.recorder import ConversationRecorder
from pipeline.supervisor.tool_set import ToolSet
from pipeline.supervisor.voice_processes import VoiceProcesses

PLAYS_ON_MS = 30
"""Far beyond the budget of a cut, so that the next turn does not hide a slow cut."""


def three_processes(
    period_ms: float, frame_ms: int = FRAME_MS, device: str | None = None
) -> Design:
    """Return this program as a design.

    :param device: a real speaker, by number or part of its name; None for a WAV file.
    """
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
    recorder = ConversationRecorder(_ignore, _fail)
    with recorder, ChildProcesses() as children, ExitStack() as stack:
        microphone, speaker = _devices(children, settings, device)
        recorder.claim(settings)
        settings = replace(settings, ready_tone="off")  # all that sounds belongs to an answer

        def record(voice: VoiceProcesses) -> None:
            recorder.start(voice, settings, microphone, speaker)

        ears, _ = choose_ears(settings, microphone, speaker)
        voice = start_voice_processes(children, stack, settings, microphone, speaker, record, ears)
        yield _ThreeProcesses(children, voice, settings, recorder)


def _devices(
    children: ChildProcesses, settings: Settings, device: str | None
) -> tuple[DeviceChoice, DeviceChoice]:
    """Choose the WAV files of `settings`; a `device` plays instead and is recorded to the file."""
    microphone = choose_device(settings.input, "input", ())
    speaker = choose_device(settings.output, "output", ())
    if microphone is None or speaker is None:
        raise SettingsError("bench needs a WAV file as input and as output.")
    if device is not None:
        devices = find_devices(children, settings.verbose, _ignore)
        real = choose_device(device, "output", devices, flag="--device")
        speaker = replace(real or speaker, recording=speaker.file)
    return microphone, speaker


class _ThreeProcesses:
    """Supervises the voice processes as the supervisor does, but prints nothing."""

    def __init__(
        self,
        children: ChildProcesses,
        voice: VoiceProcesses,
        settings: Settings,
        recorder: ConversationRecorder,
    ) -> None:
        self.state = ClientState()
        self._recorder = recorder
        self._children = children
        self._voice = voice
        self._tools = ToolSet(
            children,
            replace(settings, verbose=0),
            offer=voice.tell_network,
            answer=voice.tell_network,
            notice=_fail,
        )
        self._tools.start()

    def wait_reports(self, timeout_s: float) -> None:
        for report in self._children.reports(timeout_s):
            if event := event_of(report):
                self._recorder.tell(event)
            match report:
                case ClockStarted(part, start_ns):
                    self.state.clock_starts_ns[part] = start_ns
                case EventRead():
                    self.state.events.append(report)
                case Finished():
                    self.state.finished = True
                case PeriodsMissed(part, periods):
                    self.state.missed[part] += periods
                case RecordingEnded(reason) | RecorderEnded(reason):
                    raise WavError(f"The recording cannot be written ({reason}).")
                case ToolsLoaded() | CallTool() | CancelTool() | ToolReturned() | ToolEnded():
                    self._tools.handle(report)
        self._tools.enforce_limits()
        playback = self._voice.state.playback
        self.state.played_samples = playback.played_samples.load()
        self.state.playout_waited_ns = playback.playout_waited_ns.load()

    def processes(self) -> dict[str, int]:
        return voice_process_ids()


def voice_process_ids() -> dict[str, int]:
    """Return the processes of the conversation that runs, as names and process ids."""
    names = ("capture", "ears", "network", "playback", "tools", "recorder")
    running = {child.name: child.pid or 0 for child in multiprocessing.active_children()}
    return {name: running[name] for name in names if name in running}


def _ignore(_: object) -> None:
    """Leave a report without an answer, a sentence untold."""


def _fail(sentence: str) -> NoReturn:
    raise ProcessDiedError(sentence)
