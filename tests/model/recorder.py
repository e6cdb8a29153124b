"""Record what the real code does to shared memory, as threads for the explorer.

The code runs alone, its ends in turns, on real memory. Cells and arrays between the code and that
memory note each access, so the order of accesses and the memory order of each come from the code
itself. Frame n carries the number n + 1 in its generation and in its samples, so that a slot that
was never written differs from every frame.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from atomicshm import ACQUIRE, RELEASE

from pipeline.shm.atomics import Word
from pipeline.shm.fields import PlaybackFields
from pipeline.shm.ring import FrameRing, RingReader, RingWriter
from pipeline.shm.state import CutReport, Position, SharedState
from tests.model.explorer import Access


class Recording:
    """The accesses of one end; its loads of an index wait for `at_least`."""

    def __init__(self) -> None:
        self.accesses: list[Access] = []
        self.at_least: int | None = None

    def word(self, word: Word, place: str) -> Word:
        cell: Any = _Cell(self, word._cell, place)
        return Word(cell)


class _Cell:
    """An AtomicU64 that notes its accesses."""

    def __init__(self, recording: Recording, cell: Any, place: str) -> None:
        self._recording, self._cell, self._place = recording, cell, place

    def load(self, order: int) -> int:
        acquires, at_least = order == ACQUIRE, self._recording.at_least
        self._recording.accesses.append(Access(self._place, None, acquires, at_least))
        value: int = self._cell.load(order)
        return value

    def store(self, value: int, order: int) -> None:
        self._recording.accesses.append(Access(self._place, value, order == RELEASE))
        self._cell.store(value, order)


class _Field:
    """One field of all slots; `frame` derives a frame's number from a stored value.

    Taking a view of a slot is noted as a load. The code uses the view before `advance`, without
    another access to shared memory in between.
    """

    def __init__(
        self, recording: Recording, array: Any, place: str, frame: Callable[[Any], Any]
    ) -> None:
        self._recording, self._array, self._place, self._frame = recording, array, place, frame

    def __getitem__(self, key: Any) -> Any:
        slots = range(len(self._array))[key] if isinstance(key, slice) else [_slot(key)]
        for slot in slots:
            expected = int(self._frame(self._array[slot]))
            self._recording.accesses.append(Access(f"{self._place}[{slot}]", expected=expected))
        return self._array[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        stored = int(self._frame(value))
        self._recording.accesses.append(Access(f"{self._place}[{_slot(key)}]", stored))
        self._array[key] = value


def _slot(key: Any) -> Any:
    return key[0] if isinstance(key, tuple) else key


def record_writer(capacity_frames: int, frames: int) -> list[Access]:
    """Record `RingWriter.write` publishing `frames` frames, waiting for room before each."""
    recording = Recording()
    with FrameRing.create(capacity_frames) as ring:
        writer, reader = ring.writer(), ring.reader()
        _record_indices(writer, recording)
        recorded: Any = writer
        recorded._samples = _Field(recording, writer._samples, "samples", _first)
        recorded._headers = _Field(recording, writer._headers, "header", _generation)
        for index in range(frames):
            recording.at_least = index + 1 - capacity_frames
            assert writer.write(np.full(3, index + 1, np.int16), generation=index + 1)
            reader.advance()
    return recording.accesses


def record_reader(
    capacity_frames: int, frames: int, ahead_frames: int, take: Callable[[RingReader, int], object]
) -> list[Access]:
    """Record calls of `take` that receive `frames` frames in all.

    Before each call, `ahead_frames` (or the last ones) have been published. `take` gets the reader
    and the number of the newest frame.
    """
    recording = Recording()
    with FrameRing.create(capacity_frames) as ring:
        writer, reader = ring.writer(), ring.reader()
        _record_indices(reader, recording)
        recorded: Any = reader
        recorded._samples = _Field(recording, reader._samples, "samples", _first)
        recorded._headers = _Field(recording, reader._headers, "header", _generation)
        recorded._generations = _Field(recording, reader._generations, "header", int)
        while reader._next < frames:
            recording.at_least = min(frames, reader._next + ahead_frames)
            for number in range(writer._next + 1, recording.at_least + 1):
                assert writer.write(np.full(3, number, np.int16), generation=number)
            take(reader, recording.at_least)
    return recording.accesses


def _first(samples: Any) -> Any:
    return samples[0]


def _generation(header: Any) -> Any:
    return header[1]


def _record_indices(end: RingWriter | RingReader, recording: Recording) -> None:
    end._written = recording.word(end._written, "written")
    end._read = recording.word(end._read, "read")


def whole_cut(number: int) -> CutReport:
    """Return a cut with `number` in each of its words; new shared state holds that of 0."""
    return CutReport(number, Position(0, number), number, number)


def record_cut_writer(cuts: int) -> list[Access]:
    """Record `SharedState.publish_cut` publishing the cuts 1, 2, …"""
    recording = Recording()
    with SharedState.create() as state:
        state.playback = _recorded(state.playback, recording)
        for number in range(1, cuts + 1):
            state.publish_cut(whole_cut(number))
    return recording.accesses


def record_cut_reader(looks: int) -> list[Access]:
    """Record `looks` calls of `SharedState.latest_cut`."""
    recording = Recording()
    with SharedState.create() as state:
        state.playback = _recorded(state.playback, recording)
        for _ in range(looks):
            assert state.latest_cut() == whole_cut(0)
    return recording.accesses


def _recorded(words: PlaybackFields, recording: Recording) -> PlaybackFields:
    names = [field.name for field in fields(words)]
    return replace(words, **{name: recording.word(getattr(words, name), name) for name in names})
