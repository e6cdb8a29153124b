"""A flood fills a queue up to a bound, and displaces nothing that matters."""

import queue

import pytest

from pipeline.ipc.dropping_queue import DroppingQueue

BOUND = DroppingQueue.DROPPABLE_ITEMS


def taken(items: DroppingQueue[str]) -> list[str]:
    found = []
    while True:
        try:
            found.append(items.get(0))
        except queue.Empty:
            return found


def test_order_is_kept() -> None:
    items: DroppingQueue[str] = DroppingQueue()
    for n in range(5):
        items.put(str(n), droppable=n % 2 == 0)
    assert taken(items) == ["0", "1", "2", "3", "4"]


def test_of_a_flood_the_first_and_all_that_matters_stay() -> None:
    items: DroppingQueue[str] = DroppingQueue()
    for n in range(2 * BOUND):
        items.put(str(n), droppable=True)
    for n in range(2 * BOUND):
        items.put(f"kept {n}")
    assert taken(items) == [*map(str, range(BOUND)), *(f"kept {n}" for n in range(2 * BOUND))]


def test_what_is_taken_makes_room() -> None:
    items: DroppingQueue[str] = DroppingQueue()
    for n in range(BOUND):
        items.put(str(n), droppable=True)
    assert items.get(0) == "0"
    items.put("in", droppable=True)
    items.put("out", droppable=True)
    assert taken(items)[-1] == "in"


def test_waiting_for_an_empty_queue_ends() -> None:
    items: DroppingQueue[str] = DroppingQueue()
    with pytest.raises(queue.Empty):
        items.get(0.01)
