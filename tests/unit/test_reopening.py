"""A card that has worked is waited for; one that has not is an error at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.audio.adaptive_period import AdaptivePeriodStream
from pipeline.audio.reopening import open_when_there
from pipeline.audio.selection import DeviceChoice
from pipeline.audio.xruns import XrunLog
from pipeline.errors import DeviceError, WavError
from pipeline.ipc.events import Notice
from pipeline.ipc.reports import Device, Report
from pipeline.shm.state import SharedState

CHOICE = DeviceChoice(Device(0, "Headset", "Fake API", 2, 2, 24_000, True, True))


class Stream:
    rate_hz = 24_000
    description = "Headset (Fake API): 24000 Hz"


class Rig:
    """A card that is there after `away` attempts, and a supervisor that says stop in the end."""

    def __init__(self, state: SharedState, away: int) -> None:
        self._words = state.capture
        self._xruns = XrunLog(state.capture.input_overruns)
        self.away = away
        self.waits = 0
        self.stops_after = 1_000
        self.reports: list[Report] = []

    def open(self, choice: DeviceChoice = CHOICE) -> Any:
        link: Any = self
        return open_when_there(choice, self._stream, self._words, link)

    def report(self, report: Report) -> None:
        self.reports.append(report)

    def stop_requested(self, _wait_s: float) -> bool:
        self.waits += 1
        return self.waits >= self.stops_after

    def _stream(self) -> AdaptivePeriodStream[Any]:
        if self.waits < self.away:
            raise DeviceError("It has disappeared.")
        stream: Any = Stream()
        return AdaptivePeriodStream(lambda _: stream, (5.0,), self._xruns)


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


def test_a_card_that_has_not_worked_is_an_error(state: SharedState) -> None:
    with pytest.raises(DeviceError):
        Rig(state, away=1).open()


def test_a_card_that_has_worked_is_waited_for(state: SharedState) -> None:
    state.capture.callback_ns.store(1)
    rig = Rig(state, away=5)
    assert rig.open().stream.description == Stream.description
    assert rig.waits == 5
    assert not rig.reports


def test_another_card_in_its_place_is_told(state: SharedState) -> None:
    state.capture.callback_ns.store(1)
    rig = Rig(state, away=0)
    rig.open(DeviceChoice(Device(1, "Old", "Fake API", 2, 2, 24_000, True, True)))
    assert rig.reports == [
        Notice("Old (Fake API) has gone. From now on: Headset (Fake API): 24000 Hz.")
    ]


def test_the_wait_ends_with_the_conversation(state: SharedState) -> None:
    state.capture.callback_ns.store(1)
    rig = Rig(state, away=5)
    rig.stops_after = 3
    assert rig.open() is None


def test_a_file_is_not_waited_for(state: SharedState) -> None:
    state.capture.callback_ns.store(1)

    def fail() -> Any:
        raise WavError("It has gone.")

    link: Any = None
    with pytest.raises(WavError):
        open_when_there(DeviceChoice(Path("a.wav")), fail, state.capture, link)
