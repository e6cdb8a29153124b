"""Owns the shared memory and the processes of a conversation, and ends them all in every case.

    supervisor ─┬─ probe            (lists the sound cards, then ends)
                ├─ offline service  (if no endpoint is configured)
                ├─ network
                ├─ tools            (if there are files of tools)
                ├─ ears             (beside sound cards)
                ├─ recorder         (with --record)
                ├─ playback
                ├─ capture
                └─ spares           (one becomes the network if that dies, one playback or capture)

All are spawned, never forked. Only this process creates and removes shared memory. Everything here
runs in one thread, which may be any, and takes no signal.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NoReturn

from pipeline.config.settings import Settings
from pipeline.errors import PipelineError, UnansweredError
from pipeline.ipc.commands import CallTool, CancelTool, Command, ToolOutput
from pipeline.ipc.events import (
    Announcement,
    Event,
    Finished,
    Marked,
    Notice,
    Opened,
    Processing,
    RecordingEnded,
    SessionReady,
    Started,
    ToolAnswered,
)
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import (
    AtWork,
    ConversationMemory,
    Device,
    EarsParts,
    Prepared,
    RecorderEnded,
    Report,
    ToolEnded,
    ToolReturned,
    ToolsLoaded,
    event_of,
)
from pipeline.shm.state import SharedState
from pipeline.supervisor.cards import check_files, choose_cards
from pipeline.supervisor.devices import find_devices
from pipeline.supervisor.ears import check_packages, choose_ears
from pipeline.supervisor.ears_notices import EarsNotices
from pipeline.supervisor.health import HealthMonitor
from pipeline.supervisor.offline_service import OfflineService
from pipeline.supervisor.program_sound import NO_OWN_SOUND, ProgramSound
from pipeline.supervisor.recorder import ConversationRecorder
from pipeline.supervisor.recording import Recording
from pipeline.supervisor.speaker_mute import SpeakerMute
from pipeline.supervisor.tool_set import ToolSet, UserTools
from pipeline.supervisor.unheard_speech import LOOKS_PER_S
from pipeline.supervisor.voice_processes import VoiceProcesses
from pipeline.system.resources import ensure_descriptors

LEVELS_S = 0.1
"""How often levels are measured, if there is something to do or they are wanted."""

POLL_S = 1 / LOOKS_PER_S
"""How often the microphone's level, losses and the limits of tools are looked at."""

MUTED = "The system has muted the loudspeaker: turn it up to hear the answers."


class StoppedError(PipelineError):
    """The conversation was asked to end."""


class Pipeline:
    """One conversation, from the first process to the last.

    Its methods run in one thread, except `call_soon`, which any thread may call.

    :param emit: called with each event.
    :param stack: ends everything when it closes.
    :param tools: functions besides the files of `settings`.
    :param sound: what the program gives in the place of cards.
    :param emits_levels: whether there is an event of the levels, ten times a second.
    :ivar levels: measured lately.
    """

    def __init__(
        self,
        settings: Settings,
        emit: Callable[[Event], None],
        stack: ExitStack,
        tools: UserTools | None = None,
        sound: ProgramSound = NO_OWN_SOUND,
        *,
        emits_levels: bool = False,
    ) -> None:
        self._settings = settings
        self._emit_to_user = emit
        self._stack = stack
        self._sound = sound
        self._emits_levels = emits_levels
        self._recording = stack.enter_context(Recording(self._announce))
        self._recorder = stack.enter_context(ConversationRecorder(self._announce, self._notice))
        self._ears = EarsNotices(settings, self._announce, self._notice)
        self._children = stack.enter_context(
            ChildProcesses(self._announce, self._note_recording_end)
        )
        self._offline = OfflineService(self._children, stack, self._pass_on)
        self._voice = VoiceProcesses(self._children, stack, settings.frame_ms, self._pass_on)
        self._speaker_mute = stack.enter_context(SpeakerMute(self._tell_muted))
        self._tools = ToolSet(
            self._children,
            settings,
            tools,
            offer=self._voice.tell_network,
            answer=self._answer_call,
            notice=self._announce,
        )
        stack.callback(self._tools.close)
        self._network_settings = settings if tools is None else tools.named_in(settings)
        self._starting = {"microphone", "speaker", "session"}
        self._health = HealthMonitor(
            self._voice.state,
            own=sound.cards,
            service_hears_turns=not settings.marks_turns,
        )
        self._finished = False
        self._answered = True
        self.memory = ConversationMemory()
        self.levels = self._voice.level_meter.look()
        self._levels_due_s = self._checks_due_s = time.monotonic()

    @property
    def state(self) -> SharedState:
        """The shared memory, until the stack is closed."""
        return self._voice.state

    @property
    def recording_lost(self) -> bool:
        """Whether something that the settings ask to record is missing; final after the end."""
        return self._recording.is_short or self._recorder.is_short

    def call_soon(self, action: Callable[[], None]) -> None:
        """Call `action` in the thread of `run`, at once if it waits."""
        self._children.call_soon(action)

    def stop(self) -> NoReturn:
        """End the conversation: for `call_soon`, so that `run` raises StoppedError."""
        raise StoppedError("The conversation was asked to end.")

    def fail(self, error: PipelineError) -> NoReturn:
        """End the conversation: for `call_soon`, so that `run` raises `error`."""
        raise error

    def tell_network(self, command: Command) -> None:
        """Send a command of the user's."""
        self._voice.tell_network(command)

    def mute(self, muted: bool) -> None:
        """Let the microphone be silent, or not."""
        self.state.supervisor.muted.store(int(muted))

    def mark(self, text: str) -> None:
        """Mark this moment."""
        self._emit(Marked(text))

    def run(self) -> None:
        """Start everything, then pass events on until the end.

        :raises PipelineError: it could not start, broke off, or was stopped.
        """
        self._start()
        while not self._finished:
            for report in self._children.reports(LEVELS_S if self._emits_levels else POLL_S):
                self._handle(report)
            now_s = time.monotonic()
            self._measure_levels(now_s)
            if now_s >= self._checks_due_s or self._finished:
                self._checks_due_s = now_s + POLL_S
                self._check()
        self.state.supervisor.finished.store(1)
        if not self._answered:
            raise UnansweredError("The service did not answer all that was said.")

    def _start(self) -> None:
        """Start the network first: it connects while the cards are looked for."""
        ensure_descriptors()
        check_packages(self._settings)  # before anything starts
        check_files(self._settings, self._recording)
        self._recorder.claim(self._settings)
        self._voice.start_network(self._offline.start(self._network_settings))
        self._tools.start()
        microphone, speaker = choose_cards(
            self._settings,
            self._recording,
            self._find_devices,
            notice=self._announce,
            own=self._sound.open(self._stack, self.state),
        )
        ears, sentence = choose_ears(self._settings, microphone, speaker)
        if sentence:
            self._announce(sentence)
        if ears is not None and ears.turn_silence_ms is not None:
            self._starting.add("ears")  # nothing else hears the user
        self._recorder.start(self._voice, self._settings, microphone, speaker)
        self._voice.start_audio(self._settings, microphone, speaker, ears)
        if isinstance(speaker.target, Device):
            self._speaker_mute.watch(speaker.target)

    def _check(self) -> None:
        """Look what does not work, or no longer."""
        self._tools.enforce_limits()
        self._voice.check()
        self._offline.check()
        for sentence in self._health.notices():
            self._notice(sentence)

    def _measure_levels(self, now_s: float) -> None:
        if now_s < self._levels_due_s:
            return
        self._levels_due_s = now_s + LEVELS_S
        self.levels = self._voice.level_meter.look()
        if self._emits_levels:
            self._emit_to_user(self.levels)  # ten a second are too many for a recording

    def _find_devices(self) -> tuple[Device, ...]:
        return find_devices(self._children, self._settings.verbose, self._handle)

    def _handle(self, report: Report) -> None:
        self._pass_on(report)
        self._health.handle(report)
        match report:
            case Finished(answered):
                self._finished, self._answered = True, answered
            case ConversationMemory():
                self.memory = report
                self._voice.remember(report)
            case Prepared(name):
                self._voice.spare_prepared(name)
            case EarsParts():
                self._ears.handle(report)
            case AtWork():
                self._offline.handle(report)
            case RecordingEnded() | RecorderEnded():
                self._note_recording_end(report)
            case Processing():
                self._speaker_mute.look()
            case SessionReady():
                self._note_started("session")
            case Started(part):
                self._note_started(part)
            case ToolsLoaded() | CallTool() | CancelTool() | ToolReturned() | ToolEnded():
                self._tools.handle(report)

    def _tell_muted(self) -> None:
        """Called in a thread of its own."""
        self.call_soon(lambda: self._notice(MUTED))

    def _emit(self, event: Event) -> None:
        self._emit_to_user(event)
        self._recorder.tell(event)

    def _pass_on(self, report: Report) -> None:
        if event := event_of(report):
            self._emit(event)

    def _announce(self, sentence: str) -> None:
        self._emit(Announcement(sentence))

    def _notice(self, sentence: str) -> None:
        self._emit(Notice(sentence))

    def _note_recording_end(self, report: Report) -> None:
        """Note the end of a recording, the only report that matters while the processes end."""
        if isinstance(report, RecordingEnded):
            self._recording.note_end(report.reason)
        elif isinstance(report, RecorderEnded):
            self._recorder.note_end(report.reason)

    def _answer_call(self, output: ToolOutput) -> None:
        self._emit(ToolAnswered(output.call_id, output.output))
        self._voice.tell_network(output)

    def _note_started(self, part: str) -> None:
        """Tell once that the last part has started."""
        if part in self._starting:
            self._starting.remove(part)
            if not self._starting:
                self._emit(Opened())
                self._voice.keep_spares()
