"""What the processes at both ends of a ring do, importable where they are spawned."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import numpy as np

from pipeline.pcm import FRAME_SAMPLES
from pipeline.shm.frames import Frame
from pipeline.shm.ring import FrameRing, RingReader, RingWriter

GENEROUS_S = 40.0
"""Far beyond what anything takes: reaching it means that something hangs."""
GLANCE_S = 0.00002
SHORTEST_LIFE_S, LONGEST_LIFE_S = 0.0005, 0.005
ORPHANS_LIFE_S = 10


class Script:
    """The frames that both ends expect: frame n is the same in every process with this seed.

    Sizes, contents and generations repeat after `PERIOD` frames, headers do not. Generations grow
    at random; some frames still carry older ones, as the late answer to an interrupted question.
    """

    PERIOD = 10_007
    _POOL_SAMPLES = 1 << 16

    def __init__(self, seed: int) -> None:
        chance = np.random.default_rng(seed)
        self._pool = chance.integers(-32_768, 32_768, self._POOL_SAMPLES, np.int16)
        starts = chance.integers(0, self._POOL_SAMPLES - FRAME_SAMPLES, self.PERIOD)
        sizes = chance.integers(0, FRAME_SAMPLES, self.PERIOD, endpoint=True)
        self._places = [slice(*ends) for ends in zip(starts, starts + sizes, strict=True)]
        current = np.cumsum(chance.random(self.PERIOD) < 0.05)
        late = (chance.random(self.PERIOD) < 0.2) * chance.integers(1, 4, self.PERIOD)
        self._generations: list[int] = np.maximum(current - late, 0).tolist()
        self._periodic_generations = int(current[-1])

    def samples(self, number: int) -> np.ndarray[Any, np.dtype[np.int16]]:
        return self._pool[self._places[number % self.PERIOD]]

    def generation(self, number: int) -> int:
        periods, place = divmod(number, self.PERIOD)
        return periods * self._periodic_generations + self._generations[place]

    def header(self, number: int) -> dict[str, int]:
        return {
            "generation": self.generation(number),
            "item": number * 3,
            "item_offset_samples": number * 5,
            "capture_time_ns": -number,
            "flags": number % 4,
        }

    def write(self, writer: RingWriter, number: int) -> bool:
        return writer.write(self.samples(number), **self.header(number))

    def check(self, frame: Frame, number: int) -> None:
        """Refuse anything but frame `number`, whole."""
        header = {"sequence": number, **self.header(number)}
        found: dict[str, Any] = frame._asdict()
        samples = found.pop("samples")
        assert found == header, f"{found} instead of {header}"
        assert np.array_equal(samples, self.samples(number)), f"the samples of {header} are torn"


def wait_until(condition: Callable[[], object]) -> None:
    """Look again and again, and let others run in between, however busy the machine is."""
    deadline_s = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {GENEROUS_S} s in vain"
        time.sleep(GLANCE_S)


def write_frames(name: str, seed: int, frames: int) -> None:
    script = Script(seed)
    with FrameRing.attach(name) as ring:
        writer = ring.writer()
        for number in range(frames):
            wait_until(writer.free_frames)
            assert script.write(writer, number)


def read_frames(name: str, seed: int, frames: int) -> None:
    """Every frame once, in order and whole."""
    script = Script(seed)
    with FrameRing.attach(name) as ring:
        reader = ring.reader()
        for number in range(frames):
            wait_until(reader.fill_frames)
            take(reader, script, number)
        assert not reader.fill_frames()


def take(reader: RingReader, script: Script, number: int) -> None:
    script.check(front(reader), number)
    reader.advance()


def front(reader: RingReader) -> Frame:
    """A copy, which the report of a failed check can show when the ring is closed."""
    frame = reader.front()
    assert frame is not None
    return frame._replace(samples=frame.samples.copy())


def read_and_skip_frames(name: str, seed: int, frames: int, results: Connection) -> None:
    """Take some frames, then skip to a generation at random while the writer goes on; and so on.

    Sends how many frames it skipped.
    """
    script, chance = Script(seed), np.random.default_rng(seed)
    taken = skipped = 0
    with FrameRing.attach(name) as ring:
        reader = ring.reader()
        while taken + skipped < frames:
            wait_until(reader.fill_frames)
            skipped += _skip(reader, script, taken + skipped, int(chance.integers(4)))
            for _ in range(min(int(chance.integers(24)), reader.fill_frames())):
                take(reader, script, taken + skipped)
                taken += 1
        assert not reader.fill_frames()
    results.send(skipped)


def _skip(reader: RingReader, script: Script, number: int, generations: int) -> int:
    """Skip to that many generations after the one of frame `number`, which is at the front."""
    target = script.generation(number) + generations
    waiting = reader.fill_frames()
    skipped = reader.skip_older(target)
    assert all(script.generation(number + n) < target for n in range(skipped)), "skipped too much"
    if skipped < waiting:
        assert script.generation(number + skipped) >= target, "skipped too little"
    return skipped


# Victims. They are forked, not spawned, because a process in which nothing but this module runs
# can be copied within a millisecond, and many must die.


def kill_writers(name: str, seed: int, victims: int) -> None:
    """Let one writer after another go on where the last one was killed."""
    script, chance = Script(seed), np.random.default_rng(seed)
    with FrameRing.attach(name) as ring:
        for _ in range(victims):
            _fork_and_kill(lambda: _write_on(ring.writer(), script), chance)


def _write_on(writer: RingWriter, script: Script) -> NoReturn:
    while True:
        wait_until(writer.free_frames)
        script.write(writer, writer._next)


def kill_readers(name: str, seed: int, victims: int, results: Connection) -> None:
    """Let one reader after another go on where the last one was killed.

    Sends the number of the last frame that one of them has seen.
    """
    script, chance = Script(seed), np.random.default_rng(seed)
    last = -1
    log, logged = os.pipe()
    os.set_blocking(log, False)
    with FrameRing.attach(name) as ring:
        for _ in range(victims):
            _fork_and_kill(lambda: _read_on(ring.reader(), script, logged), chance)
            last = _check_log(log, last)
    results.send(last)


def _read_on(reader: RingReader, script: Script, logged: int) -> NoReturn:
    """Check every frame, log its number, give it back."""
    while True:
        wait_until(reader.fill_frames)
        frame = front(reader)
        script.check(frame, reader._next)
        os.write(logged, frame.sequence.to_bytes(8))
        reader.advance()


def _check_log(log: int, last: int) -> int:
    """Only the frame in a victim's hands may come again. Returns the last number."""
    try:
        numbers = np.frombuffer(os.read(log, 1 << 16), ">u8").tolist()
    except BlockingIOError:
        return last
    assert numbers[0] in (last, last + 1), f"frame {numbers[0]} follows frame {last}"
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    return int(numbers[-1])


def _fork_and_kill(live: Callable[[], NoReturn], chance: np.random.Generator) -> None:
    victim = os.fork()
    if not victim:
        signal.alarm(ORPHANS_LIFE_S)
        try:
            live()
        finally:
            os._exit(1)
    try:
        time.sleep(chance.uniform(SHORTEST_LIFE_S, LONGEST_LIFE_S))
    finally:
        os.kill(victim, signal.SIGKILL)
        status = os.waitpid(victim, 0)[1]
    assert os.WIFSIGNALED(status), "it found a fault by itself"


class Deadly:
    """Stands for a word or an array, and kills the process when that is about to be written.

    The first half of the samples may be written already.
    """

    def __init__(self, real: Any) -> None:
        self._real = real

    def load(self) -> Any:
        return self._real.load()

    def store(self, _value: int) -> NoReturn:
        _die()

    def __getitem__(self, key: Any) -> Any:
        return self._real[key]

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        if not isinstance(value, tuple):
            slot, count = key[0], len(value) // 2
            self._real[slot, :count] = value[:count]
        _die()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def write_one_and_die(name: str, seed: int, weapon: str) -> None:
    """Publish the next frame, and die within the one after it at the attribute `weapon`."""
    script = Script(seed)
    with FrameRing.attach(name) as ring:
        writer = ring.writer()
        assert script.write(writer, writer._next)
        setattr(writer, weapon, Deadly(getattr(writer, weapon)))
        script.write(writer, writer._next)


def read_one_and_die(name: str, seed: int) -> None:
    """Take the next frame, and die while giving back the one after it."""
    script = Script(seed)
    with FrameRing.attach(name) as ring:
        reader = ring.reader()
        take(reader, script, reader._next)
        replaceable: Any = reader
        replaceable._read = Deadly(reader._read)
        take(reader, script, reader._next)
