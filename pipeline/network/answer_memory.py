"""Answers that outlive their process: what is remembered of them, and what is made of that.

Free of I/O, as all parts of the conversation.
"""

from collections.abc import Iterable, Sequence

from pipeline.ipc.reports import AnswerMemory, ConversationMemory
from pipeline.network.items import Item, QueuedEnd
from pipeline.network.response import Response
from pipeline.network.transcript import Turn


def remembered(items: Iterable[Item], turns: Sequence[Turn]) -> tuple[AnswerMemory, ...]:
    """Return what another process must know of `items` whose words are in `turns`."""
    return tuple(
        AnswerMemory(
            item.ordinal,
            item.response.generation,
            item.received_samples,
            turns.index(item.response.turn),
            item.start_samples,
            item.response.places.marks,
            item.response.places.complete,
            item.response.breaks_off,
        )
        for item in items
        if item.response.turn in turns
    )


def restored(
    memory: ConversationMemory, turns: Sequence[Turn], queued: QueuedEnd
) -> tuple[list[Item], list[Response]]:
    """Return the items of another process, which sound up to `queued`, and their responses."""
    responses = {n: _reopened(turn) for n, turn in enumerate(turns) if turn.heard is not None}
    items = [
        _restored(answer, responses.setdefault(answer.turn, _reopened(turns[answer.turn])))
        for answer in memory.answers
        if answer.ordinal <= queued.item
    ]
    if queued.item > memory.items:
        unknown = AnswerMemory(
            queued.item, queued.generation, queued.samples, 0, breaks_off=not queued.complete
        )
        items.append(_restored(unknown, _reopened(Turn("assistant"))))
    for item in items:
        if item.ordinal == queued.item:
            item.received_samples = item.queued_samples = queued.samples
    for answer in memory.answers:
        beyond = (answer.ordinal, answer.received_samples) > (queued.item, queued.samples)
        if beyond and (response := responses.get(answer.turn)):
            response.generation, response.broken_off = answer.generation, True
    return items, list(responses.values())


def _reopened(turn: Turn) -> Response:
    """Return a response of another process, of which some words may still be heard."""
    response = Response(0, turn, finished=True)
    response.places.restore((), turn.heard or 0)
    return response


def _restored(answer: AnswerMemory, response: Response) -> Item:
    """Return an item of another process; its response gets what was known of its sound."""
    places = response.places
    response.generation = answer.generation
    response.broken_off = answer.breaks_off
    places.restore(answer.marks, response.turn.heard or 0)
    end_samples = answer.start_samples + answer.received_samples
    places.receive(end_samples - places.received_samples)
    places.complete = answer.complete
    received_samples = answer.received_samples
    return Item(
        None, answer.ordinal, response, answer.start_samples, received_samples, received_samples
    )
