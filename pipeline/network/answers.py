"""The model's answers, free of I/O: those being made, and what was heard of them.

Interruptions are counted by the *generation*. A response belongs for ever to the generation that
was current when the service created it. An interruption starts the next one, and from then on
whatever older responses still send is stale: it is neither played nor waited for. Whether the
service believes that its response is over does not matter, because it sends answers up to 16 times
faster than they are heard.

What was heard is settled once playback has said where it cut: each item that then has samples
which will never sound is truncated to exactly what did.
"""

from collections.abc import Iterator, Sequence

from pipeline.ipc.events import Trace
from pipeline.ipc.reports import AnswerMemory, ConversationMemory
from pipeline.network.actions import Action, EndItem, Interrupt, QueueAudio
from pipeline.network.answer_memory import remembered, restored
from pipeline.network.events import AudioDelta, WordTime
from pipeline.network.items import Items, QueuedEnd
from pipeline.network.response import Response
from pipeline.network.settled_cut import SettledCut
from pipeline.network.transcript import Turn
from pipeline.network.voice_pace import VoicePace
from pipeline.pcm import SAMPLE_BYTES, ms_to_samples


class Answers:
    """Responses that the service has not finished, and items that can still change.

    :ivar generation: interruptions so far.
    :ivar reopened: responses of a process that died, which had not been heard to their end.
    """

    MOST_UNFINISHED = 100
    """Bounds memory if the ends of responses are lost."""

    def __init__(self) -> None:
        self.generation = 0
        self._unfinished: dict[str, Response] = {}
        self._items = Items()
        self._pace = VoicePace()
        self.reopened: list[Response] = []
        self._broken_off: list[Response] = []  # still to be heard, to where they break off

    @property
    def being_made(self) -> bool:
        return not all(response.silent for response in self._unfinished.values())

    @property
    def current_ids(self) -> list[str]:
        """The ids of the responses that are being made, and that no interruption has ended."""
        return [
            response_id
            for response_id, response in self._unfinished.items()
            if self.is_current(response) and not response.silent
        ]

    @property
    def all_heard(self) -> bool:
        """Whether no received audio is still to be heard."""
        return self._items.all_heard

    def unheard_turns(self) -> list[Turn]:
        """The answers of which something is still to be heard."""
        return list(dict.fromkeys(self._items.unheard_turns()))

    def current(self, response_id: str) -> Response | None:
        """The response, if it is being made and was not interrupted."""
        response = self._sent_something(response_id)
        return response if response and self.is_current(response) else None

    def late(self, response_id: str) -> Response | None:
        """The response, if it was interrupted and its words are waited for."""
        response = self._unfinished.get(response_id)
        return response if response and response.awaits_words else None

    @property
    def awaits_words(self) -> bool:
        """Whether the words of any interrupted answer are waited for."""
        return any(response.awaits_words for response in self._unfinished.values())

    def tick(self, now_s: float) -> list[str]:
        """Pass the time; return the ids of responses that are not waited for any more.

        Without that a lost `response.done` would keep the client from asking for an answer. What
        comes of them all the same is taken as usual.
        """
        return [id_ for id_, response in self._unfinished.items() if response.wait(now_s)]

    def is_current(self, response: Response) -> bool:
        """Whether no interruption has happened since the response was created."""
        return response.generation == self.generation

    def begun(self, response: Response) -> bool:
        """Whether `response` has sent audio at all."""
        return self._items.begun(response)

    def begin(self, response_id: str, turn: Turn) -> None:
        """The service has created a response; `turn` collects its words."""
        if len(self._unfinished) >= self.MOST_UNFINISHED:
            self.finish(next(iter(self._unfinished)), complete=False)
        response = Response(self.generation, turn, places=self._pace.places())
        self._unfinished[response_id] = response

    def audio(self, delta: AudioDelta) -> Iterator[Action]:
        """Queue the samples of a current response; what is stale counts as unheard."""
        response = self._sent_something(delta.response_id)
        if response is None:
            yield Trace(f"audio of unknown response {delta.response_id} dropped")
            return
        item = self._items.of(delta.item_id, response, self.generation)
        if self.is_current(response) and item is not self._items.latest:
            # In the ring it would be a step back in what was heard, and it would sound torn.
            yield Trace(f"audio of item {delta.item_id} behind another item's dropped")
            return
        offset_samples = item.received_samples
        pcm = item.receive(delta.pcm)
        if response.generation < self.generation:
            yield from item.truncation()
        elif pcm:
            item.queued_samples = item.received_samples
            response.places.receive(len(pcm) // SAMPLE_BYTES)
            yield QueueAudio(item.ordinal, response.generation, offset_samples, pcm)

    def end_audio(self, item_id: str) -> Iterator[Action]:
        """The service has sent all audio of an item."""
        item = self._items.get(item_id)
        if item is None or not self.is_current(item.response):
            return
        item.response.places.complete = True
        # Behind another item's audio this end would be a step back in what was heard.
        if item is self._items.latest:
            yield EndItem(item.ordinal, item.response.generation, item.received_samples)

    def word_time(self, timed: WordTime, response: Response) -> None:
        """The service says when a word of `response` sounds, perhaps before its item's audio."""
        item = self._items.get(timed.item_id)
        start_samples = item.start_samples if item else response.places.received_samples
        response.places.time(timed.word, start_samples + ms_to_samples(timed.start_ms))

    def finish(self, response_id: str, *, complete: bool) -> Response | None:
        """The service has finished a response; returns it, if it was known.

        :param complete: whether it is the whole answer, and not one that broke off.
        """
        response = self._unfinished.pop(response_id, None)
        if response is not None:
            response.finished = True
            response.places.complete |= complete
            if complete:
                self._pace.learn(response)
        return response

    def is_heard(self, response: Response) -> bool:
        """Whether a response has come and been heard to its end."""
        return response.finished and not self._items.has_unheard(response)

    def interrupt(self) -> Iterator[Action]:
        """Silence all answers, if any is being made or heard."""
        if self._current() or not self.all_heard:
            self.end_unspoken()
            for response in self._current():
                response.awaits_words = not (response.over or response.turn.words.strip())
            self.generation += 1
            yield Interrupt(self.generation)

    def take_back(self, response: Response) -> Iterator[Action]:
        """Silence a response that the service has cancelled by itself.

        Others that have no audio yet survive that.
        """
        if not self._items.begun(response):
            response.end(cut=True)
        if self._items.has_unheard(response):
            for other in self._current():
                if not self._items.begun(other):
                    other.generation += 1
            yield from self.interrupt()

    @property
    def items_seen(self) -> int:
        """Number of items with sound so far."""
        return self._items.seen

    def memory(self, turns: Sequence[Turn]) -> tuple[AnswerMemory, ...]:
        """Return what another process must know of the items that are still to be heard."""
        return remembered(self._items.unheard(), turns)

    def restore(
        self,
        memory: ConversationMemory,
        turns: Sequence[Turn],
        generation: int,
        queued: QueuedEnd,
    ) -> Iterator[Action]:
        """Begin with the answers of another process, which sound up to `queued` and no further."""
        self.generation = generation
        items, self.reopened = restored(memory, turns, queued)
        self._items.restore(items, max(memory.items, queued.item))
        responses = dict.fromkeys([*self.reopened, *(item.response for item in items)])
        for response in responses:
            response.broken_off &= not memory.calls  # the next session answers anew
        self._broken_off = [response for response in responses if response.broken_off]
        for response in self.reopened:
            if self.is_heard(response):
                response.end(cut=True)
        if queued.item and not queued.complete and queued.generation == generation:
            yield EndItem(queued.item, generation, queued.samples)

    @property
    def unspoken(self) -> list[Turn]:
        """The words of current responses without audio."""
        return [each.turn for each in self._unspoken()]

    @property
    def begun_ids(self) -> list[str]:
        """The ids of responses that have begun to sound and are not finished."""
        return [id_ for id_, each in self._unfinished.items() if self._items.begun(each)]

    def forget_heard(self) -> None:
        """Drop items that cannot change any more, so that memory stays bounded."""
        self._items.forget_heard()

    def heard(self, item: int, samples: int) -> None:
        """Everything before `samples` of the item with this ordinal has sounded."""
        self._items.heard(item, samples)

    def settle(self, generation: int, item: int, samples: int) -> SettledCut:
        """Playback has cut what is older than `generation`: nothing beyond the position sounds."""
        return SettledCut.of(self._items.settle(generation, item, samples))

    def end_unspoken(self) -> None:
        """End the current responses without audio: their words never sound."""
        for response in self._unspoken():
            response.end(cut=True)

    def take_broken_off(self) -> bool:
        """Return whether an answer was heard to where it breaks off since the last time.

        One that the user interrupts before that does not count.
        """
        ended = [
            response
            for response in self._broken_off
            if not (self.is_current(response) and self._items.has_unheard(response))
        ]
        self._broken_off = [each for each in self._broken_off if each not in ended]
        return any(map(self.is_current, ended))

    def break_off(self, *, asked_again: bool) -> Iterator[Action]:
        """The session is gone: what it sent sounds to its end, and nothing more comes of it.

        :param asked_again: whether the next session answers the same turn.
        """
        if not asked_again:
            begun = filter(self._items.begun, self._current())
            self._broken_off += [response for response in begun if response.breaks_off]
        for response in self._broken_off:
            response.broken_off = True
        latest = self._items.latest
        if latest and not latest.response.finished and self.is_current(latest.response):
            yield EndItem(latest.ordinal, self.generation, latest.received_samples)
        for response in self._unfinished.values():
            response.finished = True
            if response.awaits_words and response.settled:
                response.end()
        self._unfinished.clear()
        self._items.orphan()
        self._items.forget_heard()

    def _sent_something(self, response_id: str) -> Response | None:
        """Return an unfinished response of which the service has just sent something."""
        response = self._unfinished.get(response_id)
        if response is not None:
            response.sent_something()
        return response

    def _unspoken(self) -> list[Response]:
        return [each for each in self._current() if not self._items.begun(each)]

    def _current(self) -> list[Response]:
        return [each for each in self._unfinished.values() if self.is_current(each)]
