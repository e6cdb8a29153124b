"""Owns the shared memory and the processes of a conversation, and ends all of it in every case.

    supervisor ─┬─ probe      (lists the sound cards, then ends)
                ├─ offline    (the built-in service, if no endpoint is configured)
                ├─ network
                ├─ capture
                └─ playback

All are spawned, never forked. Only the supervisor listens to Ctrl-C, and only it creates and
removes shared memory.
"""

import secrets
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipeline.audio.selection import SAMPLE_WAV, DeviceChoice, choose_device
from pipeline.audio.wav import is_wav
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.errors import SettingsError
from pipeline.ipc.commands import CallTool, CancelTool, OfferTools, ToolSchema
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import (
    Device,
    DevicesFound,
    Finished,
    Notice,
    SessionReady,
    Started,
    ToolEnded,
    ToolReturned,
    ToolsLoaded,
)
from pipeline.supervisor.health import HealthMonitor
from pipeline.supervisor.tool_process import ToolProcess
from pipeline.supervisor.voice_processes import VoiceProcesses
from pipeline.system.signals import signals_end_the_run

RECORDING = Path("answer.wav")
"""Takes the loudspeaker's place where there is none."""

POLL_S = 0.25
"""How often losses and the limits of tools are looked at."""


def run(settings: Settings) -> int:
    """Hold a conversation until Ctrl-C, or until a recorded input has been answered.

    :raises PipelineError: it could not start, or broke off.
    """
    console = Console(transcription=settings.transcription, verbose=settings.verbose)
    with signals_end_the_run():
        try:
            with ExitStack() as stack:
                Pipeline(settings, console, stack).run()
        except KeyboardInterrupt:
            console.say("Goodbye.")
    return 0


class Pipeline:
    """One run, from the first process to the last."""

    def __init__(self, settings: Settings, console: Console, stack: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._children = stack.enter_context(ChildProcesses())
        self._voice = VoiceProcesses(self._children, stack, settings.frame_ms)
        self._tool_process = ToolProcess(
            self._children,
            settings.tools,
            settings.tool_timeout_s,
            verbose=settings.verbose,
            offer=self._offer,
            answer=self._voice.tell_network,
            notice=console.say,
        )
        self._devices: tuple[Device, ...] | None = None
        self._starting = {"microphone", "speaker", "session"}
        self._health = HealthMonitor(self._voice.state)
        self._finished = False

    def run(self) -> None:
        """Start everything, then pass reports on to the console until the end."""
        if is_wav(self._settings.input):  # a bad file is told before anything starts
            choose_device(self._settings.input, "input", ())
        self._voice.start_network(self._service())
        if self._settings.tools:
            self._tool_process.start()
        microphone, speaker = self._cards()
        self._voice.start_audio(self._settings, microphone, speaker)
        while not self._finished:
            self._handle_reports()
            for sentence in self._health.notices():
                self._console.show(Notice(sentence))
        if speaker.file is not None:
            self._console.say(f"What the loudspeaker sounded is in {speaker.file}.")

    def _service(self) -> Settings:
        """Settings with an endpoint that answers: the configured one, or our own service's."""
        if not self._settings.uses_offline_service:
            return self._settings
        key = secrets.token_urlsafe(24)
        # Listening from now on: the network process may connect before the service has loaded.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            self._children.spawn(
                "offline service",
                "pipeline.emulator.process",
                self._settings.verbose,
                listener,
                key,
            )
        return replace(
            self._settings,
            offline=True,
            endpoint=f"http://127.0.0.1:{port}",
            api_key=key,
            use_api_key=True,
        )

    def _cards(self) -> tuple[DeviceChoice, DeviceChoice]:
        """Microphone and speaker: as wanted, else the default cards, else files in their place."""
        settings = self._settings
        devices: tuple[Device, ...] = ()
        if not (is_wav(settings.input) and is_wav(settings.output)):
            devices = self._wait_devices()
        microphone = choose_device(settings.input, "input", devices)
        speaker = choose_device(settings.output, "output", devices)
        missing = [
            *(["no microphone: the project's own spoken sample speaks"] if not microphone else []),
            *([f"no loudspeaker: {RECORDING} records the answers"] if not speaker else []),
        ]
        if missing:
            self._console.say(f"There is {', and '.join(missing)}.")
        return microphone or DeviceChoice(SAMPLE_WAV), speaker or DeviceChoice(RECORDING)

    def _wait_devices(self) -> tuple[Device, ...]:
        self._children.spawn("probe", "pipeline.audio.probe", self._settings.verbose, may_end=True)
        while self._devices is None:
            self._handle_reports()
        return self._devices

    def _handle_reports(self) -> None:
        for report in self._children.reports(POLL_S):
            self._console.show(report)
            match report:
                case DevicesFound(devices):
                    self._devices = devices
                case Finished():
                    self._finished = True
                case SessionReady():
                    self._note_started("session")
                case Started(part):
                    self._note_started(part)
                case ToolsLoaded() | CallTool() | CancelTool() | ToolReturned() | ToolEnded():
                    self._tool_process.handle(report)
        self._tool_process.enforce_limits()

    def _offer(self, tools: tuple[ToolSchema, ...]) -> None:
        """Tell the model, through the network process, what it may call."""
        names = [tool.name for tool in tools]
        choice = self._settings.tool_choice
        if choice not in ("auto", "none", "required", *names):
            raise SettingsError(
                f"--tool-choice is {choice!r}, expected auto, none, required, "
                f"or one of the tools: {', '.join(names)}."
            )
        self._voice.tell_network(OfferTools(tools))

    def _note_started(self, part: str) -> None:
        """Welcome the person when the last part is there."""
        if part in self._starting:
            self._starting.remove(part)
            if not self._starting:
                self._console.welcome()
