"""The shared memory and the three processes of one conversation."""

import socket
from contextlib import ExitStack, closing
from dataclasses import replace

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ipc.commands import Command
from pipeline.ipc.processes import ChildProcesses
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState

CAPTURE_RING_MS = 90_000
"""Length of microphone audio that can wait. The network process keeps 60 s; the rest bridges the
time in which there is no network process."""

PLAYBACK_RING_FRAMES = 1_024
"""51 s of full frames; the rest of a longer answer waits in the network process."""


class VoiceProcesses:
    """Owns the shared memory and the three processes of one conversation.

    :param stack: releases shared memory and sockets when it closes.
    :param frame_ms: length of the microphone's frames.
    """

    def __init__(self, children: ChildProcesses, stack: ExitStack, frame_ms: int) -> None:
        self._children = children
        self.state = stack.enter_context(SharedState.create())
        capture_ring = stack.enter_context(FrameRing.create(CAPTURE_RING_MS // frame_ms))
        playback_ring = stack.enter_context(FrameRing.create(PLAYBACK_RING_FRAMES))
        self._names = SharedNames(self.state.name, capture_ring.name, playback_ring.name)
        self._capture_socket, self._network_socket = socket.socketpair()
        stack.enter_context(closing(self._capture_socket))
        stack.enter_context(closing(self._network_socket))
        stack.callback(self.state.supervisor.stop.store, 1)

    def start_network(self, settings: Settings) -> None:
        """Start the network process, which connects to the endpoint of `settings`."""
        self._network = self._children.spawn(
            "network", "pipeline.network.process", settings, self._names, self._network_socket
        )

    def tell_network(self, command: Command) -> None:
        self._network.send(command)

    def start_audio(
        self, settings: Settings, microphone: DeviceChoice, speaker: DeviceChoice
    ) -> None:
        names, spawn = self._names, self._children.spawn
        settings = replace(settings, api_key=None)  # only the network process needs it
        spawn("playback", "pipeline.audio.playback", settings, names, speaker)
        spawn(
            "capture", "pipeline.audio.capture", settings, names, microphone, self._capture_socket
        )


def start_voice_processes(
    children: ChildProcesses,
    stack: ExitStack,
    settings: Settings,
    microphone: DeviceChoice,
    speaker: DeviceChoice,
) -> VoiceProcesses:
    """Start a conversation with the endpoint of `settings` on two given cards."""
    voice = VoiceProcesses(children, stack, settings.frame_ms)
    voice.start_network(settings)
    voice.start_audio(settings, microphone, speaker)
    return voice
