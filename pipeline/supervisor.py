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
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline.audio.selection import CardChoice, choose
from pipeline.audio.wav import is_wav
from pipeline.bench.options import BenchOptions
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.console.trouble import Trouble
from pipeline.errors import SettingsError
from pipeline.ipc.commands import CallTool, CancelTool, OfferTools, ToolSchema
from pipeline.ipc.processes import ENDING_SIGNALS, Children
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
from pipeline.offline import SAMPLE_WAV
from pipeline.toolbox import Toolbox
from pipeline.voice import Voice, start_voice

RECORDING = Path("answer.wav")
"""Takes the loudspeaker's place where there is none."""

POLL_S = 0.25
"""How often losses and the limits of tools are looked at."""


def run(settings: Settings) -> int:
    """Hold a conversation until Ctrl-C, or until a recorded input has been answered.

    :raises PipelineError: it could not start, or broke off.
    """
    console = Console(transcription=settings.transcription, verbose=settings.verbose)
    with _signals_end_the_run():
        try:
            with ExitStack() as stack:
                Pipeline(settings, console, stack).run()
        except KeyboardInterrupt:
            console.say("Goodbye.")
    return 0


def list_devices(settings: Settings) -> int:
    """Print the sound cards that settings can name."""
    console = Console(verbose=settings.verbose)
    with Children() as children:
        found = _devices(children, console, settings.verbose)
    for device in found:
        console.say(_described(device))
    if not found:
        console.say("There is no sound card: give --input and --output a .wav file.")
    return 0


def bench(options: BenchOptions) -> int:
    """Measure this program's own processes on virtual cards; see `pipeline.bench`.

    :raises PipelineError: an option cannot be used, or a process failed.
    """
    from pipeline.bench.runner import run as measure

    with _signals_end_the_run():
        return measure(options, start_on_files, SAMPLE_WAV)


def start_on_files(
    children: Children, stack: ExitStack, settings: Settings, device: str | None = None
) -> Voice:
    """Start the voice processes with the WAV files of `settings` as cards.

    :param device: a real speaker; the file records what it is given.
    """
    microphone = choose(settings.input, "input", ())
    speaker = choose(settings.output, "output", ())
    if microphone is None or speaker is None:
        raise SettingsError("bench needs a file in the place of each card.")
    if device is not None:
        real = choose(device, "output", _devices(children, Console(), settings.verbose))
        speaker = replace(real or speaker, tap=speaker.file)
    return start_voice(children, stack, settings, microphone, speaker)


def _devices(children: Children, console: Console, verbose: bool) -> tuple[Device, ...]:
    """Have the sound cards listed by a process that ends then."""
    children.spawn("probe", "pipeline.audio.probe", verbose, may_end=True)
    while children.alive:
        for report in children.reports(POLL_S):
            if isinstance(report, DevicesFound):
                return report.devices
            console.show(report)
    return ()


class Pipeline:
    """One run, from the first process to the last."""

    def __init__(self, settings: Settings, console: Console, stack: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._children = stack.enter_context(Children())
        self._voice = Voice(self._children, stack, settings.frame_ms)
        self._toolbox = Toolbox(
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
        self._trouble = Trouble(self._voice.state)
        self._finished = False

    def run(self) -> None:
        """Start everything, then pass reports on to the console until the end."""
        if is_wav(self._settings.input):  # a bad file is told before anything starts
            choose(self._settings.input, "input", ())
        self._voice.start_network(self._service())
        if self._settings.tools:
            self._toolbox.start()
        microphone, speaker = self._cards()
        self._voice.start_audio(self._settings, microphone, speaker)
        while not self._finished:
            self._handle_reports()
            for sentence in self._trouble.news():
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
                "offline service", "pipeline.offline.process", self._settings.verbose, listener, key
            )
        return replace(
            self._settings,
            offline=True,
            endpoint=f"http://127.0.0.1:{port}",
            api_key=key,
            use_api_key=True,
        )

    def _cards(self) -> tuple[CardChoice, CardChoice]:
        """Microphone and speaker: as wanted, else the default cards, else files in their place."""
        settings = self._settings
        devices: tuple[Device, ...] = ()
        if not (is_wav(settings.input) and is_wav(settings.output)):
            devices = self._wait_devices()
        microphone = choose(settings.input, "input", devices)
        speaker = choose(settings.output, "output", devices)
        missing = [
            *(["no microphone: the project's own spoken sample speaks"] if not microphone else []),
            *([f"no loudspeaker: {RECORDING} records the answers"] if not speaker else []),
        ]
        if missing:
            self._console.say(f"There is {', and '.join(missing)}.")
        return microphone or CardChoice(SAMPLE_WAV), speaker or CardChoice(RECORDING)

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
                    self._toolbox.follow(report)
        self._toolbox.tick()

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


def _described(device: Device) -> str:
    directions = [
        f"{channels} {direction}{' (default)' if is_default else ''}"
        for direction, channels, is_default in (
            ("in", device.input_channels, device.is_default_input),
            ("out", device.output_channels, device.is_default_output),
        )
        if channels
    ]
    return f"{device}: {', '.join(directions)}, {device.default_rate_hz} Hz"


@contextmanager
def _signals_end_the_run() -> Iterator[None]:
    """SIGTERM and a closed terminal end the run as cleanly as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    others = [number for number in ENDING_SIGNALS if number != signal.SIGINT]
    before = {number: signal.signal(number, end) for number in others}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
