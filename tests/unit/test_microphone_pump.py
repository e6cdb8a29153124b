"""How a program's blocks reach the ring, and at whose pace."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from pipeline.api.microphone_pump import MicrophonePump
from pipeline.api.sound import MicrophoneInput, Source
from pipeline.audio.program_card import ProgramCard
from pipeline.errors import PipelineError
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ
from pipeline.shm.frames import FLAG_ITEM_END, Frame
from pipeline.shm.ring import FrameRing, RingReader
from tests.support.sound import Samples, noise

SPOKEN = noise(0.5, 1_000, 9_000, seed=1)
AHEAD_SAMPLES = SAMPLE_RATE_HZ // 5


async def whole_on_loop() -> AsyncIterator[bytes]:
    yield SPOKEN.tobytes()


def raise_failure(error: PipelineError) -> None:
    raise error


def next_frame(reader: RingReader) -> Frame:
    while (frame := reader.front()) is None:
        time.sleep(0.002)  # the ring tells nobody
    return frame


def work(pump: MicrophonePump) -> None:
    if pump.needs_loop:
        asyncio.run(pump.run_on_loop(raise_failure))
    else:
        pump.run(raise_failure)


@pytest.mark.parametrize("on_loop", [False, True])
def test_a_long_block_passes_in_real_time_where_time_matters(on_loop: bool) -> None:
    source: Source = whole_on_loop() if on_loop else [SPOKEN.tobytes()]
    pump = MicrophonePump(MicrophoneInput(source), in_time=True)
    arrived: list[Samples] = []
    with pump.end.opened() as choice:
        card = choice.target
        assert isinstance(card, ProgramCard)
        with FrameRing.attach(card.ring) as ring:
            reader = ring.reader()
            began_ns = time.monotonic_ns()
            thread = threading.Thread(target=work, args=(pump,))
            thread.start()
            while not (frame := next_frame(reader)).flags & FLAG_ITEM_END:
                due = (frame.capture_time_ns - began_ns) * SAMPLE_RATE_HZ // NS_PER_S
                assert frame.end_samples <= due + AHEAD_SAMPLES
                arrived.append(frame.samples.copy())
                reader.advance()
            thread.join()
    assert np.array_equal(np.concatenate(arrived), SPOKEN)
