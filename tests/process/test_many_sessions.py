"""The benchmark of many sessions in one process, with few of them: nothing stays behind."""

from benchmarks.many_sessions import measured


def test_sessions_leave_nothing_in_their_process() -> None:
    second, _, fourth = list(measured(4, every=1))[1:]
    assert fourth[1:2] + fourth[3:] == second[1:2] + second[3:], "memory has no exact size"
