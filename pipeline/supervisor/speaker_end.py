"""The program's end of the ring that takes the place of a loudspeaker."""

import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from pipeline.audio.program_card import FLAG_DROP, RING_FRAMES, ProgramCard
from pipeline.audio.selection import DeviceChoice
from pipeline.pcm import Samples
from pipeline.shm.fields import ProgramFields
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import Position, SharedState


class Block(NamedTuple):
    """What the speaker end gives: samples, or an interruption."""

    place: Position
    """Of the first sample, at the speaker's rate; item 0: silence. Of an interruption: from where
    on nothing is to sound that was given before."""
    samples: Samples | None
    """None: an interruption."""


class SpeakerEnd:
    """Where the program takes what its speaker is to sound. No method waits, except `wait`.

    :param on_request, confirms, silence: see `ProgramCard`.
    """

    def __init__(self, rate_hz: int, *, on_request: bool, confirms: bool, silence: bool) -> None:
        self._card = ProgramCard(
            "the program's speaker",
            "",
            rate_hz,
            on_request=on_request,
            confirms=confirms,
            silence=silence,
        )
        self.closed = False
        self._reader: RingReader | None = None
        self._words: ProgramFields | None = None
        self._requested_samples = 0
        self._confirmed = Position(0, 0)
        self._looked_at_frames = 0  # waiting ones, for interruptions
        self._left_out: Position | None = None  # the first block that was interrupted in the ring
        self._left: deque[Block] = deque()  # what waited when the ring was removed
        self._lock = threading.Lock()

    def take(self) -> Block | None:
        """Return the next block; None if there is none now.

        An interruption comes before what waits of the answer that it silences: none of that is
        given any more.
        """
        with self._lock:
            return self._take() if self._reader is not None else self._take_left()

    def request(self, samples: int) -> None:
        """Ask for so many samples more."""
        with self._lock:
            self._requested_samples += samples
            if self._words is not None:
                self._words.requested_samples.store(self._requested_samples)

    def confirm(self, place: Position) -> None:
        """Everything before `place` has sounded. A place before the latest one changes nothing."""
        with self._lock:
            self._confirmed = max(self._confirmed, place)
            if self._words is not None:
                self._words.confirmed.store(self._confirmed.packed())

    def prepare(self) -> None:
        """Make what `wait` waits for; `release` gives it back."""
        self._sender, self._receiver = socket.socketpair()

    def wait(self) -> None:
        """Wait until there may be another block, or the end."""
        self._receiver.recv(4_096)

    def release(self) -> None:
        """Give the sockets back; call this when nothing waits any more."""
        self._sender.close()
        self._receiver.close()

    @contextmanager
    def opened(self, state: SharedState) -> Iterator[DeviceChoice]:
        """Make the ring; yields the card to be opened at its other end."""
        with FrameRing.create(RING_FRAMES) as ring:
            card = replace(self._card, ring=ring.name, wake=self._sender)
            with self._lock:
                self._reader, self._words = ring.reader(), state.program
                self._words.requested_samples.store(self._requested_samples)
            try:
                yield DeviceChoice(card)
            finally:
                self.close()

    def close(self) -> None:
        """Give only what waits already."""
        with self._lock:
            while (block := self._take()) is not None:
                self._left.append(block)
            self._reader = self._words = None
        self.closed = True
        with suppress(OSError):  # a full socket wakes as well
            self._sender.send(b"\0")

    def _take(self) -> Block | None:
        self._skip_interrupted()
        reader = self._reader
        frame = reader.front() if reader is not None else None
        if reader is None or frame is None:
            return None
        place = Position(frame.item, frame.item_offset_samples)
        if frame.flags & FLAG_DROP:
            left_out, self._left_out = self._left_out, None
            block = Block(place if left_out is None else min(place, left_out), None)
        else:
            block = Block(place, frame.samples.copy())
        reader.advance()
        self._looked_at_frames -= 1
        return block

    def _take_left(self) -> Block | None:
        return self._left.popleft() if self._left else None

    def _skip_interrupted(self) -> None:
        """Leave out what waits before an interruption."""
        reader = self._reader
        while reader and (frame := reader.front(self._looked_at_frames)) is not None:
            if frame.flags & FLAG_DROP:
                for _ in range(self._looked_at_frames):
                    self._leave_out(reader)
                self._looked_at_frames = 0
            self._looked_at_frames += 1

    def _leave_out(self, reader: RingReader) -> None:
        frame = reader.front()
        if frame is not None and frame.item:
            place = Position(frame.item, frame.item_offset_samples)
            self._left_out = min(place, self._left_out or place)
        reader.advance()
