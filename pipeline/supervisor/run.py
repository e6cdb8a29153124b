"""Owns the shared memory and the processes of a conversation, and ends them all in every case.

    supervisor ─┬─ probe            (lists the sound cards, then ends)
                ├─ offline service  (if no endpoint is configured)
                ├─ network
                ├─ tools            (if there are files of tools)
                ├─ ears             (beside sound cards)
                ├─ playback
                └─ capture

All are spawned, never forked. Only the supervisor listens to Ctrl-C, and only it creates and
removes shared memory.
"""

from contextlib import ExitStack

from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.errors import SettingsError, UnansweredError
from pipeline.ipc.commands import CallTool, CancelTool, ToolSchema
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import (
    AtWork,
    ConversationMemory,
    Device,
    Finished,
    Notice,
    RecordingEnded,
    Report,
    SessionReady,
    Started,
    ToolEnded,
    ToolReturned,
    ToolsLoaded,
)
from pipeline.supervisor.cards import check_files, choose_cards
from pipeline.supervisor.devices import find_devices
from pipeline.supervisor.ears import choose_ears
from pipeline.supervisor.health import HealthMonitor
from pipeline.supervisor.offline_service import OfflineService
from pipeline.supervisor.recording import Recording
from pipeline.supervisor.tool_process import ToolProcess
from pipeline.supervisor.voice_processes import VoiceProcesses
from pipeline.system.resources import ensure_descriptors
from pipeline.system.signals import signals_end_the_run

POLL_S = 0.25
"""How often losses and the limits of tools are looked at."""


def run(settings: Settings) -> int:
    """Hold a conversation until Ctrl-C, or until a recorded input has been answered.

    :raises PipelineError: it could not start, or broke off.
    """
    ensure_descriptors()
    console = Console(transcription=settings.transcription, verbose=settings.verbose)
    with signals_end_the_run():
        try:
            with ExitStack() as stack:
                stack.callback(console.end)
                Pipeline(settings, console, stack).run()
        except KeyboardInterrupt:
            console.say("Goodbye.")
    return 0


class Pipeline:
    """One run, from the first process to the last."""

    def __init__(self, settings: Settings, console: Console, stack: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._recording = stack.enter_context(Recording(console.say))
        self._children = stack.enter_context(ChildProcesses(console.say, self._handle_late))
        self._offline = OfflineService(self._children, stack, console.show)
        self._voice = VoiceProcesses(self._children, stack, settings.frame_ms, console.show)
        self._tool_process = ToolProcess(
            self._children,
            settings.tools,
            settings.tool_timeout_s,
            verbose=settings.verbose,
            offer=self._offer,
            answer=self._voice.tell_network,
            notice=console.say,
        )
        self._starting = {"microphone", "speaker", "session"}
        self._health = HealthMonitor(self._voice.state)
        self._finished = False
        self._answered = True

    def run(self) -> None:
        """Start everything, then pass reports on to the console until the end."""
        check_files(self._settings, self._recording)  # before anything starts
        self._voice.start_network(self._offline.start(self._settings))
        if self._settings.tools:
            self._tool_process.start()
        microphone, speaker = choose_cards(
            self._settings, self._recording, self._find_devices, notice=self._console.say
        )
        ears, sentence = choose_ears(self._settings, microphone, speaker)
        if sentence:
            self._console.say(sentence)
        self._voice.start_audio(self._settings, microphone, speaker, ears)
        while not self._finished:
            for report in self._children.reports(POLL_S):
                self._handle(report)
            self._tool_process.enforce_limits()
            self._voice.check()
            self._offline.check()
            for sentence in self._health.notices():
                self._console.show(Notice(sentence))
            self._console.tell_repeats()
        self._voice.state.supervisor.finished.store(1)
        if not self._answered:
            raise UnansweredError("The service did not answer all that was said.")

    def _find_devices(self) -> tuple[Device, ...]:
        return find_devices(self._children, self._settings.verbose, self._handle)

    def _handle(self, report: Report) -> None:
        self._console.show(report)
        match report:
            case Finished(answered):
                self._finished, self._answered = True, answered
            case ConversationMemory():
                self._voice.remember(report)
            case AtWork():
                self._offline.handle(report)
            case RecordingEnded(reason):
                self._recording.note_end(reason)
            case SessionReady():
                self._note_started("session")
            case Started(part):
                self._note_started(part)
            case ToolsLoaded() | CallTool() | CancelTool() | ToolReturned() | ToolEnded():
                self._tool_process.handle(report)

    def _handle_late(self, report: Report) -> None:
        """Handle what a process reports while it ends: its last words do not matter any more."""
        if isinstance(report, RecordingEnded):
            self._recording.note_end(report.reason)

    def _offer(self, tools: tuple[ToolSchema, ...]) -> None:
        """Tell the model, through the network process, what it may call."""
        names = [tool.name for tool in tools]
        choice = self._settings.tool_choice
        if choice not in ("auto", "none", "required", *names):
            raise SettingsError(
                f"--tool-choice is {choice!r}, expected auto, none, required, "
                f"or one of the tools: {', '.join(names)}."
            )
        self._voice.offer_tools(tools)

    def _note_started(self, part: str) -> None:
        """Welcome the person once the last part has started."""
        if part in self._starting:
            self._starting.remove(part)
            if not self._starting:
                self._console.welcome()
