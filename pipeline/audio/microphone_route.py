"""Where the microphone goes: to the ears in blocks, or, without them, to the network in frames.

    capture ── blocks of 10 ms ──▶ raw ring ──▶ ears ── frames ──▶ capture ring ──▶ network
    capture ─────────────── frames, without ears ────────────────▶ capture ring ──▶ network

Each ring has one writer at any time, named by words that only grow:

    supervisor.ears = n    ears n were started; n - 1 have ended and write nothing any more
    ears.ready = n         ears n have loaded all that they need, and touch no ring yet
    capture.route = n      from now on ears n write the frames; before that capture did

When the supervisor names other ears, or none, capture takes the microphone back: what the dead ears
left in the raw ring becomes frames first. Frames and blocks say where they begin in all that the
microphone has given, so nothing is lost or doubled, whenever a process died. Ears leave a block in
the raw ring until the frame that holds it is published. What lies there before ears get the
microphone is old.
"""

from collections.abc import Callable

import numpy as np

from pipeline.audio.frame_assembler import FrameAssembler, Sink
from pipeline.pcm import BLOCK_SAMPLES, Samples
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState


def published_samples(capture_ring: FrameRing, raw_ring: FrameRing | None, route: int) -> int:
    """Number of microphone samples that were published so far, as frames or as blocks.

    :param route: see `CaptureFields.route`.
    """
    rings = [capture_ring]
    # Blocks that were given back count as frames, which were published before.
    if raw_ring is not None and route and raw_ring.read_frames < raw_ring.written_frames:
        rings.append(raw_ring)
    latest = [ring.latest() for ring in rings]
    return max(0 if frame is None else frame.end_samples for frame in latest)


class MicrophoneRoute:
    """Passes periods to the ears while they live, and to the network otherwise.

    :param assembler: publishes frames in `capture_ring`.
    :param wake_ears: called after each block.

    Call `push` from one thread: the stream's.
    """

    def __init__(
        self,
        state: SharedState,
        assembler: FrameAssembler,
        capture_ring: FrameRing,
        raw_ring: FrameRing,
        wake_ears: Callable[[], None],
    ) -> None:
        self._load_ears = state.supervisor.ears.load
        self._load_ready = state.ears.ready.load
        self._route = state.capture.route
        self._assembler = assembler
        self._capture_ring = capture_ring
        self._raw_ring = raw_ring
        self._wake_ears = wake_ears
        self._to_network = assembler.sink
        self._to_ears = Sink(raw_ring.writer(), wake_ears, BLOCK_SAMPLES)
        self._number = self._route.load()
        if self._number:  # a process before this one gave the microphone to these ears
            self._assembler.redirect(self._to_ears, assembler.position_samples)

    def passed(self, position_samples: int) -> bool:
        """Whether the network has been given everything before `position_samples`."""
        return published_samples(self._capture_ring, None, 0) >= position_samples

    def push(self, pcm: bytes, captured_at_ns: int) -> None:
        """Take the next samples, as `FrameAssembler.push` does."""
        # handover: acquire pairs with the supervisor's release after the ears ended, so whatever
        # they wrote is visible here before capture writes in their place.
        ears = self._load_ears()
        if ears != self._number:
            if self._number:
                self._take_back()
            elif self._load_ready() == ears:
                self._hand_over(ears)
        self._assembler.push(pcm, captured_at_ns)

    def _hand_over(self, ears: int) -> None:
        self._number = ears
        # What other ears left was taken back. A capture process that died then had published it, or
        # the next one has got it from the microphone again.
        reader = self._raw_ring.reader()
        reader.advance(reader.fill_frames())
        self._assembler.redirect(self._to_ears, self._assembler.position_samples)
        # handover: release pairs with the acquire in the ears' process; every frame that capture
        # wrote is visible to them before they write the next one.
        self._route.store(ears)
        self._wake_ears()

    def _take_back(self) -> None:
        self._number = 0
        writer = self._capture_ring.writer()  # goes on behind the frames of the dead ears
        _, wake_network, frame_samples = self._to_network
        self._to_network = Sink(writer, wake_network, frame_samples)
        published = published_samples(self._capture_ring, None, 0)
        self._assembler.redirect(self._to_network, published)
        reader = self._raw_ring.reader()
        left: list[Samples] = []
        for behind in range(reader.fill_frames()):
            block = reader.front(behind)
            if block is not None and block.end_samples > published:
                left.append(block.samples.copy())
        if left:
            self._assembler.put_before(np.concatenate(left))
        self._route.store(0)
