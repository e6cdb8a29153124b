"""Standstill counts only while the watchdog looks on schedule."""

from pipeline.shm.watchdog import Standstill

LOOK_S = 0.25


class Watched:
    def __init__(self) -> None:
        self.beats = 0
        self.now_s = 1_000.0
        self.watch = Standstill(lambda: self.beats)

    def pass_time(self, seconds: float, *, beating: bool = False, counts: bool = True) -> float:
        for _ in range(round(seconds / LOOK_S)):
            self.now_s += LOOK_S
            self.beats += beating
            self.watch.look(self.now_s, counts=counts)
        return self.watch.standing_s


def test_what_beats_does_not_stand() -> None:
    watched = Watched()
    assert watched.pass_time(10, beating=True) == 0
    assert watched.watch.moved


def test_standing_time_is_counted_from_the_latest_beat() -> None:
    watched = Watched()
    watched.pass_time(1, beating=True)
    assert watched.pass_time(3) == 3
    assert watched.pass_time(LOOK_S, beating=True) == 0


def test_what_never_beat_has_not_moved() -> None:
    watched = Watched()
    watched.pass_time(3)
    assert not watched.watch.moved


def test_a_watchdog_that_stood_still_itself_judges_nothing() -> None:
    watched = Watched()
    watched.pass_time(1, beating=True)
    watched.now_s += 60
    watched.watch.look(watched.now_s)
    assert watched.watch.standing_s <= Standstill.LONGEST_GAP_S


def test_time_that_does_not_count_is_left_out() -> None:
    watched = Watched()
    watched.pass_time(1, beating=True)
    assert watched.pass_time(2) == 2
    assert watched.pass_time(10, counts=False) == 2
    assert watched.pass_time(1) == 3
