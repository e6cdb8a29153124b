"""The ring between real processes, which may be killed at any moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from pipeline.shm.ring import FrameRing
from tests.process.ring_children import (
    GENEROUS_S,
    Script,
    kill_readers,
    kill_writers,
    read_and_skip_frames,
    read_frames,
    read_one_and_die,
    take,
    wait_until,
    write_frames,
    write_one_and_die,
)

SPAWN = get_context("spawn")
VICTIMS = 100


@contextmanager
def spawned(function: Callable[..., object], *arguments: Any) -> Iterator[BaseProcess]:
    """Runs `function` in a process of its own. Whatever happens, it is gone afterwards."""
    process = SPAWN.Process(target=function, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def wait_exit(process: BaseProcess) -> int | None:
    process.join(GENEROUS_S)
    return process.exitcode


@pytest.fixture
def results() -> Iterator[Any]:
    """Receiving and sending end."""
    receiving, sending = SPAWN.Pipe(duplex=False)
    with receiving, sending:
        yield receiving, sending


def received(receiving: Any) -> Any:
    assert receiving.poll(GENEROUS_S)
    return receiving.recv()


@pytest.mark.parametrize(("capacity", "frames"), [(1, 1_500), (2, 1_500), (7, 20_000)])
def test_every_frame_arrives_once_whole_and_in_order(capacity: int, frames: int) -> None:
    with (
        FrameRing.create(capacity) as ring,
        spawned(read_frames, ring.name, capacity, frames) as reader,
        spawned(write_frames, ring.name, capacity, frames) as writer,
    ):
        assert wait_exit(reader) == 0
        assert wait_exit(writer) == 0


@pytest.mark.parametrize(("capacity", "frames"), [(3, 3_000), (64, 20_000)])
def test_skipping_races_with_a_writer(capacity: int, frames: int, results: Any) -> None:
    receiving, sending = results
    with (
        FrameRing.create(capacity) as ring,
        spawned(read_and_skip_frames, ring.name, capacity, frames, sending) as reader,
        spawned(write_frames, ring.name, capacity, frames) as writer,
    ):
        assert wait_exit(reader) == 0
        assert wait_exit(writer) == 0
        assert 0 < received(receiving) < frames


def test_a_writer_killed_at_any_moment_leaves_only_whole_frames() -> None:
    seed, number = 1, 0
    script = Script(seed)
    with FrameRing.create(9) as ring:
        reader = ring.reader()
        with spawned(kill_writers, ring.name, seed, VICTIMS) as killer:
            while killer.is_alive() or reader.fill_frames():
                wait_until(lambda: reader.fill_frames() or not killer.is_alive())
                for _ in range(reader.fill_frames()):
                    take(reader, script, number)
                    number += 1
            assert wait_exit(killer) == 0
    assert number > VICTIMS


@pytest.mark.parametrize("weapon", ["_samples", "_headers", "_written"])
def test_a_writer_that_dies_within_a_write_has_written_nothing(weapon: str) -> None:
    seed = 2
    script = Script(seed)
    with FrameRing.create(2) as ring:
        reader = ring.reader()
        with spawned(write_one_and_die, ring.name, seed, weapon) as writer:
            assert wait_exit(writer) == -signal.SIGKILL
        assert reader.fill_frames() == 1
        take(reader, script, 0)
        assert script.write(ring.writer(), 1)
        take(reader, script, 1)


def test_a_reader_killed_at_any_moment_is_continued_by_the_next(results: Any) -> None:
    seed, number = 3, 0
    receiving, sending = results
    script = Script(seed)
    with FrameRing.create(9) as ring:
        writer = ring.writer()
        with spawned(kill_readers, ring.name, seed, VICTIMS, sending) as killer:
            while killer.is_alive():
                number += script.write(writer, number)
                wait_until(lambda: writer.free_frames() or not killer.is_alive())
            assert wait_exit(killer) == 0
        while script.write(writer, number):
            number += 1
        last = received(receiving)
        reader = ring.reader()
        assert reader.fill_frames() == 9
        assert number - 9 in (last, last + 1)
        for waiting in range(number - 9, number):
            take(reader, script, waiting)
    assert number > VICTIMS


def test_a_full_ring_outlives_its_reader() -> None:
    seed = 4
    script = Script(seed)
    with FrameRing.create(3) as ring:
        writer = ring.writer()
        for number in range(3):
            assert script.write(writer, number)
        with spawned(read_one_and_die, ring.name, seed) as reader:
            assert wait_exit(reader) == -signal.SIGKILL
        assert writer.free_frames() == 1
        assert script.write(writer, 3)
        assert not script.write(writer, 4)
        with spawned(read_one_and_die, ring.name, seed) as reader:
            assert wait_exit(reader) == -signal.SIGKILL
        survivor = ring.reader()
        for number in (2, 3):
            take(survivor, script, number)
        assert survivor.front() is None
