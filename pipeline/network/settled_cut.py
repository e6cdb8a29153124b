"""What follows when it is known how much was heard of answers that were cut; free of I/O."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from pipeline.ipc.events import Interrupted
from pipeline.network.actions import DeleteItem, Truncate
from pipeline.network.items import Item
from pipeline.network.response import Response
from pipeline.pcm import samples_to_ms


class SettledCut(NamedTuple):
    """What follows from the place of a cut."""

    corrections: list[Truncate | DeleteItem]
    interrupted: tuple[Interrupted, ...] = ()
    """Empty if all had been heard."""
    wordless: tuple[Response, ...] = ()
    """Those that have sounded, and whose words may still come."""

    @classmethod
    def of(cls, settled: Sequence[Item]) -> Self:
        """Return what follows from items of which nothing more will be heard."""
        corrections = [each for item in settled for each in item.truncation()]
        if not any(item.cut_short for item in settled):
            return cls(corrections)
        wordless = dict.fromkeys(each.response for each in settled if each.response.awaits_words)
        heard_samples = sum(item.settled_samples or 0 for item in settled)
        return cls(corrections, (Interrupted(samples_to_ms(heard_samples)),), tuple(wordless))
