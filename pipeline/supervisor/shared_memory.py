"""The shared memory of one conversation, and the sockets beside it: they outlive its processes."""

import socket
from contextlib import ExitStack, closing
from dataclasses import replace

from pipeline.shm.names import EarsNames, RecorderNames, SharedNames
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState

CAPTURE_RING_MS = 90_000
"""Length of microphone audio that can wait. The network process keeps 60 s; the rest bridges the
time in which there is no network process."""

PLAYBACK_RING_FRAMES = 1_024
"""51 s of full frames; the rest of a longer answer waits in the network process."""

RAW_RING_BLOCKS = 512
"""5 s of microphone: longer than it takes to notice that the ears hang."""

REFERENCE_RING_PERIODS = 768
"""3.8 s of periods of 5 ms: longer than it takes to notice that the ears hang."""

RECORDER_RING_FRAMES = 400
"""10 s and more: longer than it takes to replace a recorder that hangs."""


class SharedMemory:
    """Creates what every conversation needs, and what some need besides.

    :param stack: releases it when it closes.
    :param frame_ms: length of the microphone's frames.
    :ivar names: of all segments so far, for the processes.
    :ivar capture_socket: where capture, or the ears, wake the network process.
    :ivar network_socket: the other end of it.
    """

    def __init__(self, stack: ExitStack, frame_ms: int) -> None:
        self._stack = stack
        self._capture_frames = CAPTURE_RING_MS // frame_ms
        self.state = stack.enter_context(SharedState.create())
        self.capture_ring = self._ring(self._capture_frames)
        self.playback_ring = self._ring(PLAYBACK_RING_FRAMES)
        self.names = SharedNames(self.state.name, self.capture_ring.name, self.playback_ring.name)
        self.capture_socket, self.network_socket = self._sockets()

    def add_second_channel(self) -> None:
        """Create the ring of what sounds beside each frame of the microphone."""
        ring = self._ring(self._capture_frames)
        self.names = replace(self.names, sent_reference_ring=ring.name)

    def add_ears(self) -> tuple[socket.socket, socket.socket]:
        """Create the rings of the ears; returns a socket that wakes them, and their end of it."""
        names = EarsNames(self._ring(RAW_RING_BLOCKS).name, self._ring(REFERENCE_RING_PERIODS).name)
        self.names = replace(self.names, ears=names)
        return self._sockets()

    def add_recorder(self) -> None:
        """Create the rings of the recorder."""
        names = RecorderNames(*(self._ring(RECORDER_RING_FRAMES).name for _ in range(2)))
        self.names = replace(self.names, recorder=names)

    def _ring(self, frames: int) -> FrameRing:
        return self._stack.enter_context(FrameRing.create(frames))

    def _sockets(self) -> tuple[socket.socket, socket.socket]:
        """Return a pair that stays open here: a new process gets the same end again."""
        sender, receiver = socket.socketpair()
        self._stack.enter_context(closing(sender))
        self._stack.enter_context(closing(receiver))
        return sender, receiver
