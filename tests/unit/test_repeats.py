"""Notices that repeat are shown once, and counted."""

from collections.abc import Iterable

import pytest

from pipeline.console.repeats import RepeatCounter

ERROR = "The service reports server_error: It is broken."


class Rig:
    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.counter = RepeatCounter(lambda: self.now_s)
        self.shown: list[str] = []

    def take(self, *sentences: str) -> None:
        for sentence in sentences:
            self.note(self.counter.take(sentence))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.note(self.counter.due())

    def end(self) -> None:
        self.note(self.counter.end())

    def note(self, sentences: Iterable[str]) -> None:
        self.shown += sentences


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_first_is_shown_at_once_and_the_end_tells_the_count(rig: Rig) -> None:
    rig.take(*[ERROR] * 300)
    assert rig.shown == [ERROR]
    rig.end()
    rig.end()
    assert rig.shown == [ERROR, f"{ERROR} (299 more times)"]


def test_another_kind_tells_the_count_first(rig: Rig) -> None:
    rig.take(ERROR, ERROR, "Another.")
    assert rig.shown == [ERROR, f"{ERROR} (once more)", "Another."]


def test_kinds_that_alternate_are_counted_both(rig: Rig) -> None:
    rig.take(*["One.", "Other."] * 100)
    rig.end()
    assert rig.shown == ["One.", "Other.", "One. (99 more times)", "Other. (99 more times)"]


def test_numbers_and_ids_make_no_new_kind(rig: Rig) -> None:
    rig.take(*(f"item_{n}x: {n} ms lost" for n in range(5)))
    rig.end()
    assert rig.shown == ["item_0x: 0 ms lost", "item_4x: 4 ms lost (4 more times)"]


def test_a_kind_without_end_is_told_at_growing_intervals(rig: Rig) -> None:
    for _ in range(100):
        rig.take(ERROR)
        rig.pass_time(1.0)
    assert len(rig.shown) == 4  # at once, after 10, 30 and 70 s
    assert rig.shown[1] == f"{ERROR} (9 more times)"


def test_after_a_quiet_while_it_is_shown_again(rig: Rig) -> None:
    rig.take(ERROR)
    rig.pass_time(11.0)
    rig.take(ERROR)
    assert rig.shown == [ERROR, ERROR]


def test_a_flood_of_different_sentences_is_cut(rig: Rig) -> None:
    rig.take(*(chr(ord("a") + n // 26) + chr(ord("a") + n % 26) for n in range(600)))
    assert len(rig.shown) == RepeatCounter.MOST_KINDS
    rig.pass_time(11.0)
    assert rig.shown[-1] == "(570 more notices of other kinds were not shown)"
    rig.take("Another.")
    assert rig.shown[-1] == "Another."
    rig.end()
    assert rig.shown[-1] == "Another."
