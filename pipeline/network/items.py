"""Answer items with audio: what was received of each, and what of it was heard.

Ordinals grow in the order in which items are heard, so a position in one item says everything
about all of them: items before it have sounded, items after it have not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.network.actions import DeleteItem, Truncate
from pipeline.network.response import Response
from pipeline.network.transcript import Turn
from pipeline.pcm import SAMPLE_BYTES, samples_to_ms


class QueuedEnd(NamedTuple):
    """The end of what has been given to the loudspeaker."""

    item: int
    """Ordinal of the answer item."""
    generation: int
    samples: int
    """Position within the item."""
    complete: bool
    """Whether the item's end was marked."""


@dataclass(slots=True)
class Item:
    """An answer item."""

    item_id: str | None
    """None once its session is gone: the service cannot be told of it any more."""
    ordinal: int
    response: Response
    start_samples: int = 0
    """Where it begins in the sound of its response."""
    received_samples: int = 0
    queued_samples: int = 0
    """Given to the loudspeaker; audio that came after an interruption never is."""
    settled_samples: int | None = None
    """What was heard, once an interruption has made that final."""
    _half_sample: bytes = b""
    _truncated: bool = False

    def receive(self, delta: bytes) -> bytes:
        """Count `delta` and return its whole samples; half of one waits for the next delta."""
        pcm = self._half_sample + delta
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        self._half_sample = pcm[whole:]
        self.received_samples += whole // SAMPLE_BYTES
        return pcm[:whole]

    @property
    def cut_short(self) -> bool:
        """Whether some of it will never sound."""
        settled = self.settled_samples
        return settled is not None and settled < self.received_samples

    def truncation(self) -> Iterator[Truncate | DeleteItem]:
        """Tell the service, once, how much was heard of an item that is cut short."""
        settled = self.settled_samples
        if self._truncated or settled is None or not self.cut_short or self.item_id is None:
            return
        self._truncated = True
        if heard_ms := samples_to_ms(settled):
            yield Truncate(self.item_id, heard_ms)
        else:
            yield DeleteItem(self.item_id)


class Items:
    """The items that can still change; those heard to their end are forgotten."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._seen = 0
        self._heard = (0, 0)

    @property
    def seen(self) -> int:
        """Number of items so far: the greatest ordinal."""
        return self._seen

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def of(self, item_id: str, response: Response, generation: int) -> Item:
        """Return the item; a new one if this is its first audio.

        An item that begins in a later `generation` than its response's is settled: it never
        sounds.
        """
        if item_id not in self._items:
            self._seen += 1
            settled_samples = 0 if response.generation < generation else None
            self._items[item_id] = Item(
                item_id,
                self._seen,
                response,
                response.places.received_samples,
                settled_samples=settled_samples,
            )
        return self._items[item_id]

    @property
    def latest(self) -> Item | None:
        """The item that began last, if it can still change."""
        return next((i for i in self._items.values() if i.ordinal == self._seen), None)

    @property
    def all_heard(self) -> bool:
        return not any(map(self._is_unheard, self._items.values()))

    def unheard_turns(self) -> list[Turn]:
        """The answers of which something is still to be heard."""
        return [item.response.turn for item in self.unheard()]

    def begun(self, response: Response) -> bool:
        """Whether `response` has sent audio at all."""
        return any(item.response is response for item in self._items.values())

    def has_unheard(self, response: Response) -> bool:
        """Whether audio of `response` is still to be heard."""
        return any(item.response is response for item in self.unheard())

    def heard(self, item: int, samples: int) -> None:
        """Everything before `samples` of the item with this ordinal has sounded."""
        self._heard = (item, samples)
        for each in self._items.values():
            if each.settled_samples is None:
                _note_heard(each, _heard_of(each, *self._heard))
        self.forget_heard()

    def settle(self, generation: int, item: int, samples: int) -> list[Item]:
        """Make final what was heard of all items older than `generation`; return those."""
        settled = []
        sounding = self._generation_of(item)
        for stale in self._items.values():
            if stale.settled_samples is None and stale.response.generation < generation:
                # An answer older than the one at this position had a cut of its own, which was
                # never read: only the position that was reported before it is certain.
                missed = stale.response.generation < sounding
                position = self._heard if missed else (item, samples)
                stale.settled_samples = _heard_of(stale, *position)
                _note_heard(stale, stale.settled_samples)
                settled.append(stale)
        for stale in settled:
            stale.response.settle()
        return settled

    def unheard(self) -> list[Item]:
        """The items of which something is still to be heard."""
        return [item for item in self._items.values() if self._is_unheard(item)]

    def restore(self, items: Iterable[Item], seen: int) -> None:
        """Hold `items` whose session is gone, of another process perhaps; `seen` began so far."""
        self._seen = seen
        self._items = {f"{item.ordinal} of a lost session": item for item in items}

    def orphan(self) -> None:
        """Forget the items' ids: their session is gone, and another one may use the same."""
        for item in self._items.values():
            item.item_id = None
        self.restore(list(self._items.values()), self._seen)

    def forget_heard(self) -> None:
        """Keep only what can still change, so that memory stays bounded."""
        self._items = {
            item_id: item
            for item_id, item in self._items.items()
            if self._is_unheard(item) or not item.response.finished
        }

    def _generation_of(self, ordinal: int) -> int:
        found = (i.response.generation for i in self._items.values() if i.ordinal == ordinal)
        return next(found, 0)

    def _is_unheard(self, item: Item) -> bool:
        heard_samples = _heard_of(item, *self._heard)
        return item.settled_samples is None and heard_samples < item.received_samples


def _note_heard(item: Item, samples: int) -> None:
    """Note in its response that so much of an item has been heard."""
    if samples:
        response = item.response
        response.heard_samples = max(response.heard_samples, item.start_samples + samples)


def _heard_of(item: Item, heard_item: int, heard_samples: int) -> int:
    """Samples of `item` that have sounded when playback is at this position."""
    if item.ordinal < heard_item:
        return item.queued_samples
    if item.ordinal > heard_item:
        return 0
    return min(heard_samples, item.queued_samples)
