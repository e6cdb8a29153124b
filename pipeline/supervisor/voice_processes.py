"""The shared memory and the three processes of one conversation."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from functools import partial
from typing import NoReturn

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError, ProcessDiedError
from pipeline.ipc.child_process import ChildProcess
from pipeline.ipc.commands import Command, OfferTools, ToolSchema, UpdateSession
from pipeline.ipc.processes import ChildProcesses, library_line
from pipeline.ipc.reports import ConversationMemory, Report
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import CaptureFields, PlaybackFields, SharedState
from pipeline.supervisor.replacement import ReplaceableProcess, Spawn

CAPTURE_RING_MS = 90_000
"""Length of microphone audio that can wait. The network process keeps 60 s; the rest bridges the
time in which there is no network process."""

PLAYBACK_RING_FRAMES = 1_024
"""51 s of full frames; the rest of a longer answer waits in the network process."""


class VoiceProcesses:
    """Owns the shared memory and the three processes of one conversation.

    A process that ends or hangs is replaced. All that a new one must know to go on lies in the
    shared memory, or here.

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
        self.state = stack.enter_context(SharedState.create())
        capture_ring = stack.enter_context(FrameRing.create(CAPTURE_RING_MS // frame_ms))
        playback_ring = stack.enter_context(FrameRing.create(PLAYBACK_RING_FRAMES))
        self.names = SharedNames(self.state.name, capture_ring.name, playback_ring.name)
        # Both ends stay open here: a new process gets the same end again.
        self._capture_socket, self._network_socket = socket.socketpair()
        stack.enter_context(closing(self._capture_socket))
        stack.enter_context(closing(self._network_socket))
        stack.callback(self.state.supervisor.stop.store, 1)
        self._offer: OfferTools | None = None
        self._update = UpdateSession()
        self._memory: ConversationMemory | None = None
        self._network: ReplaceableProcess | None = None
        self._processes: list[ReplaceableProcess] = []

    def start_network(self, settings: Settings) -> None:
        """Start the network process, which connects to the endpoint of `settings`."""
        spawn = partial(self._spawn_network, settings)
        self._network = self._replaceable(
            spawn, self.state.network.heartbeat_ns.load, goes_on="connects again"
        )

    def offer_tools(self, tools: tuple[ToolSchema, ...]) -> None:
        """Tell the model, through the network process, what it may call."""
        self._offer = OfferTools(tools)
        self.tell_network(self._offer)

    def update_session(self, update: UpdateSession) -> None:
        """Change the session, and those of a network process to come."""
        given = {name: text for name, text in asdict(update).items() if text is not None}
        self._update = replace(self._update, **given)
        self.tell_network(update)

    def remember(self, memory: ConversationMemory) -> None:
        """Keep what a new network process must know."""
        self._memory = memory

    def tell_network(self, command: Command) -> None:
        if self._network is not None:
            self._network.send(command)

    def start_audio(
        self, settings: Settings, microphone: DeviceChoice, speaker: DeviceChoice
    ) -> None:
        settings = replace(settings, api_key=None)  # only the network process needs it
        playback = partial(
            self._children.spawn,
            *("playback", "pipeline.audio.playback", settings, self.names, speaker),
            printed=library_line,
        )
        capture = partial(
            self._children.spawn,
            *("capture", "pipeline.audio.capture", settings, self.names, microphone),
            self._capture_socket,
            printed=library_line,
        )
        self._replaceable(playback, _works(self.state.playback), goes_on="plays on")
        self._replaceable(capture, _works(self.state.capture), goes_on="records on")

    def check(self) -> None:
        """Replace a process that hangs; call this a few times a second."""
        for process in self._processes:
            process.check()

    def _spawn_network(
        self, settings: Settings, *, on_error: Callable[[PipelineError], None]
    ) -> ChildProcess:
        child = self._children.spawn(
            *("network", "pipeline.network.process", settings, self.names, self._network_socket),
            self._memory,
            on_error=on_error,
        )
        if self._update != UpdateSession():
            child.send(self._update)
        if self._offer is not None:
            child.send(self._offer)
        if self._memory is None:
            self._memory = ConversationMemory()  # the next one goes on, whatever has been said
        return child

    def _replaceable(
        self, spawn: Spawn, sign: Callable[[], object], *, goes_on: str
    ) -> ReplaceableProcess:
        process = ReplaceableProcess(
            self._children,
            spawn,
            sign,
            goes_on=goes_on,
            report=self._report,
            now_s=time.monotonic,
        )
        self._processes.append(process)
        return process


def _works(words: CaptureFields | PlaybackFields) -> Callable[[], tuple[int, int]]:
    """The sign of life of an audio process: its own loop, which a slow disk may keep, or its card.

    A card that does not call is the card's fault, not the process's.
    """
    return lambda: (words.heartbeat_ns.load(), words.callback_ns.load())


def start_voice_processes(
    children: ChildProcesses,
    stack: ExitStack,
    settings: Settings,
    microphone: DeviceChoice,
    speaker: DeviceChoice,
) -> VoiceProcesses:
    """Start a conversation, to measure it, with the endpoint of `settings` on two given cards.

    A process that ends is not replaced: `ChildProcesses.reports` raises ProcessDiedError.
    """
    voice = VoiceProcesses(children, stack, settings.frame_ms, report=not_replaced)
    voice.start_network(settings)
    voice.start_audio(settings, microphone, speaker)
    return voice


def not_replaced(report: Report) -> NoReturn:
    raise ProcessDiedError(str(report))
