"""The benchmark of many sessions in one process, with few of them: nothing stays behind."""

from benchmarks.many_sessions import measured


def test_sessions_leave_nothing_in_their_process() -> None:
    second, *_, fifth = list(measured(5, every=1))[1:]
    assert fifth[1:2] + fifth[3:] == second[1:2] + second[3:], "memory has no exact size"
