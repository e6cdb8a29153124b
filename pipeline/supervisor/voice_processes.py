"""The three voice processes of one conversation, and those that help them."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from pipeline.audio.program_card import ProgramCard
from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ears.job import EarsJob
from pipeline.errors import PipelineError
from pipeline.ipc.child_process import ChildFailedError, ChildProcess
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Notice
from pipeline.ipc.processes import ChildProcesses, Printer, library_line, logged_line
from pipeline.ipc.reports import ConversationMemory, Report
from pipeline.recorder.job import RecorderJob
from pipeline.shm.fields import CaptureFields, PlaybackFields
from pipeline.shm.wakeup import WakeSockets
from pipeline.supervisor.ears import what_interrupts
from pipeline.supervisor.level_meter import LevelMeter
from pipeline.supervisor.network_briefing import NetworkBriefing
from pipeline.supervisor.replacement import ReplaceableProcess, Spawn
from pipeline.supervisor.shared_memory import SharedMemory
from pipeline.supervisor.spare import Spare, voice_spares


class VoiceProcesses:
    """Starts the processes that share the memory of one conversation.

    A process that ends or hangs is replaced. All that a new one must know to go on lies in the
    shared memory, or in the `NetworkBriefing`.

    :param stack: releases shared memory and sockets when it closes.
    :param frame_ms: length of the microphone's frames.
    :param report: told of each replacement.
    """

    def __init__(
        self,
        children: ChildProcesses,
        stack: ExitStack,
        frame_ms: int,
        report: Callable[[Report], None],
    ) -> None:
        self._children = children
        self._report = report
        self.shared = SharedMemory(stack, frame_ms)
        self.state = self.shared.state
        self.level_meter = LevelMeter(
            self.state, self.shared.capture_ring, self.shared.playback_ring
        )
        stack.callback(self.state.supervisor.stop.store, 1)
        self._briefing = NetworkBriefing()
        self._network: ReplaceableProcess | None = None
        self._audio_sockets = [self.shared.capture_socket]  # all that capture and playback get
        self._spares: dict[str, Spare] = {}
        self._processes: list[ReplaceableProcess] = []

    def start_network(self, settings: Settings) -> None:
        """Start the network process, which connects to the endpoint of `settings`."""
        if settings.sends_reference:
            self.shared.add_second_channel()
        spawn = partial(self._spawn_network, settings)
        self._network = self._replaceable(
            spawn, self.state.network.heartbeat_ns.load, goes_on="connects again"
        )

    def tell_network(self, command: Command) -> None:
        """Send a command to the network process, and to its successors what they need of it."""
        self._briefing.note(command)
        if self._network is not None:
            self._network.send(command)

    def remember(self, memory: ConversationMemory) -> None:
        """Keep what a new network process must know."""
        self._briefing.memory = memory

    def start_audio(
        self,
        settings: Settings,
        microphone: DeviceChoice,
        speaker: DeviceChoice,
        ears: EarsJob | None = None,
    ) -> None:
        settings = replace(settings, api_key=None)  # only the network process needs it
        sockets = WakeSockets(self.shared.capture_socket)
        if ears is not None:
            sockets = self._start_ears(ears, settings)
        if isinstance(speaker.target, ProgramCard) and speaker.target.wake is not None:
            self._audio_sockets.append(speaker.target.wake)
        playback = partial(
            self._spawn,
            *("playback", "pipeline.audio.playback", settings, self.shared.names, speaker),
            printed=library_line,
        )
        capture = partial(
            self._spawn,
            *("capture", "pipeline.audio.capture", settings, self.shared.names, microphone),
            sockets,
            printed=library_line,
        )
        self._replaceable(playback, _works(self.state.playback), goes_on="plays on")
        self._replaceable(capture, _works(self.state.capture), goes_on="records on")

    def _start_ears(self, job: EarsJob, settings: Settings) -> WakeSockets:
        """Start the ears with rings of their own; returns what wakes the network and them."""
        wake_sender, wake_receiver = self.shared.add_ears()
        self._audio_sockets.append(wake_sender)
        spawn = partial(self._spawn_ears, job, settings.verbose, wake_receiver)
        go_on = partial(self._go_on_without_ears, settings)
        self._replaceable(
            spawn,
            self.state.ears.heartbeat_ns.load,
            goes_on="listens on",
            give_up=None if settings.ears_mark_turns else go_on,
        )
        return WakeSockets(self.shared.capture_socket, wake_sender)

    def start_recorder(
        self,
        job: RecorderJob,
        *,
        verbose: int,
        started: Callable[[ChildProcess], None],
        ended: Callable[[str], None],
    ) -> Callable[[Command], None]:
        """Start the recorder with rings of its own; returns what sends it commands.

        Call this before `start_audio`.

        :param started: given the process, and each that takes its place.
        :param ended: told why, if it has been replaced too often.
        """
        self.shared.add_recorder()
        names = self.shared.names

        def spawn(*, on_error: Callable[[PipelineError], None]) -> ChildProcess:
            child = self._children.spawn(
                *("recorder", "pipeline.recorder.process", verbose, names, job), on_error=on_error
            )
            started(child)
            return child

        process = self._replaceable(
            spawn,
            self.state.recorder.heartbeat_ns.load,
            goes_on="continues the recording",
            give_up=lambda error: ended(f"{error.what} too often"),
        )
        return process.send

    def keep_spares(self) -> None:
        """From now on keep processes in reserve."""
        network_sockets = [self.shared.network_socket]
        self._spares = voice_spares(self._children, network_sockets, self._audio_sockets)

    def spare_prepared(self, name: str) -> None:
        """Note that the process in reserve of that name is ready."""
        for spare in self._spares.values():
            spare.note_prepared(name)

    def check(self) -> None:
        """Replace a process that hangs; call this a few times a second."""
        for process in self._processes:
            process.check()
        for spare in self._spares.values():
            spare.check()

    def _spawn(
        self,
        name: str,
        module: str,
        *args: object,
        on_error: Callable[[PipelineError], None],
        printed: Printer = logged_line,
    ) -> ChildProcess:
        """Run ``module.main(pipe, *args)`` in a spare process; without one, in a new process."""
        child = None
        if name in self._spares:
            child = self._spares[name].take(name, module, *args, on_error=on_error, printed=printed)
        return child or self._children.spawn(
            name, module, *args, on_error=on_error, printed=printed
        )

    def _spawn_network(
        self, settings: Settings, *, on_error: Callable[[PipelineError], None]
    ) -> ChildProcess:
        child = self._spawn(
            *("network", "pipeline.network.process", settings),
            *(self.shared.names, self.shared.network_socket, self._briefing.memory),
            on_error=on_error,
        )
        for command in self._briefing.commands():
            child.send(command)
        if self._briefing.memory is None:  # the next one goes on, whatever has been said
            self._briefing.memory = ConversationMemory()
        return child

    def _spawn_ears(
        self,
        job: EarsJob,
        verbose: int,
        wake_receiver: socket.socket,
        *,
        on_error: Callable[[PipelineError], None],
    ) -> ChildProcess:
        # handover: the ears before these have ended. Capture takes the microphone back when it
        # sees the new number, and gives it to the new ears when they are ready.
        number = self.state.supervisor.ears.load() + 1
        self._ears_follow(number)
        return self._children.spawn(
            *("ears", "pipeline.ears.process", verbose, self.shared.names),
            *(replace(job, number=number), (wake_receiver, self.shared.capture_socket)),
            on_error=on_error,
        )

    def _ears_follow(self, number: int) -> None:
        """Let the ears of this number, or (0) none, follow those that have ended."""
        self.state.supervisor.ears.store(number)
        self.state.ears.hold.store(0)  # they cannot end it any more

    def _go_on_without_ears(self, settings: Settings, error: ChildFailedError) -> None:
        self._ears_follow(0)
        interrupts = what_interrupts(settings, notice_speech=False)
        self._report(
            Notice(f"{error.what} too often: from now on there are no ears. {interrupts}.")
        )

    def _replaceable(
        self,
        spawn: Spawn,
        sign: Callable[[], object],
        *,
        goes_on: str,
        give_up: Callable[[ChildFailedError], None] | None = None,
    ) -> ReplaceableProcess:
        process = ReplaceableProcess(
            self._children,
            spawn,
            sign,
            goes_on=goes_on,
            report=self._report,
            now_s=time.monotonic,
            give_up=give_up,
        )
        self._processes.append(process)
        return process


def _works(words: CaptureFields | PlaybackFields) -> Callable[[], tuple[int, int]]:
    """The sign of life of an audio process: its own loop, which a slow disk may keep, or its card.

    A card that does not call is the card's fault, not the process's.
    """
    return lambda: (words.heartbeat_ns.load(), words.callback_ns.load())
