"""A queue whose `put` never waits and whose memory is bounded all the same."""

import threading
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DroppingQueue(Generic[Item]):
    """Passes items from any thread to one thread, in order.

    Of the items that are put as droppable, at most `DROPPABLE_ITEMS` wait; more are dropped. The
    others are always kept: the caller says which ones are too rare to fill the memory.
    """

    DROPPABLE_ITEMS = 10_000

    def __init__(self) -> None:
        self._items: SimpleQueue[tuple[Item, bool]] = SimpleQueue()
        self._droppable_waiting = 0
        self._lock = threading.Lock()  # held for one addition; nothing waits inside

    def put(self, item: Item, *, droppable: bool = False) -> None:
        if droppable:
            with self._lock:
                if self._droppable_waiting >= self.DROPPABLE_ITEMS:
                    return
                self._droppable_waiting += 1
        self._items.put((item, droppable))

    def get(self, timeout_s: float | None = None) -> Item:
        """Take the oldest item, waiting up to `timeout_s` (None: for ever).

        :raises queue.Empty: there is none in that time.
        """
        item, droppable = self._items.get(timeout=timeout_s)
        if droppable:
            with self._lock:
                self._droppable_waiting -= 1
        return item
