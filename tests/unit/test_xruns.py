"""Missed periods are counted for ever, and remembered until they are taken."""

from pipeline.audio import xruns
from pipeline.audio.xruns import XrunLog
from pipeline.ipc.events import MissedPeriod
from pipeline.shm.state import SharedState


def test_each_missed_period_is_taken_once_with_its_times() -> None:
    with SharedState.create() as state:
        log = XrunLog(state.playback.output_underruns)
        log.add(1, 2)
        log.add(3, 4)
        assert log.take() == (MissedPeriod(1, 2), MissedPeriod(3, 4))
        assert log.take() == ()
        log.add(5, 6)
        assert log.take() == (MissedPeriod(5, 6),)
        assert log.total == state.playback.output_underruns.load() == 3


def test_memory_is_bounded() -> None:
    with SharedState.create() as state:
        log = XrunLog(state.playback.output_underruns)
        for time_ns in range(xruns._MOST_REMEMBERED + 1):
            log.add(time_ns, time_ns)
        remembered = log.take()
    assert len(remembered) == xruns._MOST_REMEMBERED
    assert remembered[0] == MissedPeriod(1, 1), "the oldest goes"
