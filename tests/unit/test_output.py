"""What a child prints comes as lines of bounded length, at a bounded rate."""

import os
from collections.abc import Callable

import pytest

from pipeline.ipc.output import LINES_PER_S, LineLimit, OutputReader

GENEROUS_S = 60.0


def lines_of(data: bytes) -> list[str]:
    found: list[str] = []
    reader = OutputReader("little", found.append)
    writer = os.dup(reader.write_end.fd)
    reader.start()
    assert os.write(writer, data) == len(data)
    os.close(writer)
    reader.join(GENEROUS_S)
    return found


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"one\n  two\r\n\n \nthree", ["one", "  two", "three"]),
        (b"10 %\r20 %\rdone\n", ["10 %", "20 %", "done"]),
        ("caf\u00e9 \u2603\n".encode(), ["caf\u00e9 \u2603"]),
        (b"\xff\xfe is not UTF-8\n", ["\ufffd\ufffd is not UTF-8"]),
        (b"x" * 10_000 + b"\n", ["x" * 4_096, "x" * 4_096, "x" * 1_808]),
        (b"", []),
    ],
)
def test_lines(data: bytes, lines: list[str]) -> None:
    assert lines_of(data) == lines


def test_a_flood_of_lines_is_cut_until_the_next_second() -> None:
    lines: list[str] = []
    now_s = 5.0
    clock: Callable[[], float] = lambda: now_s  # noqa: E731 - reads the latest value
    line = LineLimit(lines.append, clock)
    for n in range(3 * LINES_PER_S):
        line(str(n))
    assert len(lines) == LINES_PER_S + 1
    assert lines[-2] == str(LINES_PER_S - 1)
    assert lines[-1] == "(more than 1,000 lines a second are not shown)"
    now_s = 6.0
    line("next")
    assert lines[-1] == "next"
