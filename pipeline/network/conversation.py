"""The conversation, free of I/O: the service's events in, actions out.

It imports no event loop, no shared memory and no SDK, so a table of tests can drive every race.

Interruptions are counted by the *generation*. A response belongs for ever to the generation that
was current when the service created it. An interruption starts the next one, and from then on
whatever older responses still send is stale: it is neither played nor waited for. Whether the
service believes its response is over does not matter, because it sends answers up to 16 times
faster than they are heard.

What was heard is settled once playback has said where it cut: each item that then has samples
which will never sound is truncated to exactly what did.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.network.actions import Action, Cut, EndItem, Forget, Play, Truncate
from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
    WordsDelta,
    WordsDone,
)
from pipeline.pcm import SAMPLE_BYTES, samples_to_ms
from pipeline.reports import (
    AssistantDone,
    AssistantSaid,
    Interrupted,
    Listening,
    Notice,
    Processing,
    Ready,
    Trace,
    UserSaid,
)

BENIGN_ERRORS = frozenset({"response_cancel_not_active"})
"""Codes that say no more than that a race was lost; the conversation is as it should be."""


@dataclass(slots=True)
class _Response:
    generation: int
    finished: bool = False


@dataclass(slots=True)
class _Item:
    """An answer item with audio."""

    item_id: str
    ordinal: int
    response: _Response
    received_samples: int = 0
    half_sample: bytes = b""
    heard_samples: int | None = None
    """Known once an interruption has been settled; nothing of the item sounds after it."""
    truncated: bool = False


class Conversation:
    """State of one session's conversation.

    :param interrupt_response: whether the user's speech silences the answer.
    """

    def __init__(self, *, interrupt_response: bool = True) -> None:
        self._interrupt_response = interrupt_response
        self._generation = 0
        self._responses: dict[str, _Response] = {}
        self._items: dict[str, _Item] = {}
        self._items_seen = 0
        self._heard = (0, 0)
        self._user_speaks = False
        self._answer_due = False
        self._words_open = False
        self._ready_told = True

    @property
    def generation(self) -> int:
        """Interruptions so far."""
        return self._generation

    @property
    def idle(self) -> bool:
        """Nobody speaks, no answer is due or being made, and all audio has been heard."""
        return not (
            self._user_speaks or self._answer_due or self._responses or any(self._unheard_items())
        )

    def receive(self, event: Event) -> list[Action]:
        """React to one event of the service, in the order of arrival."""
        return list(self._react(event))

    def heard(self, item: int, samples: int) -> list[Action]:
        """Playback's position moved: everything before it has left the loudspeaker."""
        self._heard = (item, samples)
        self._forget_heard_items()
        if not self.idle or self._ready_told:
            return []
        self._ready_told = True
        return [Ready()]

    def cut_done(self, generation: int, item: int, samples: int) -> list[Action]:
        """Playback has cut what is older than `generation`: nothing beyond the position sounds."""
        actions: list[Action] = []
        heard_samples = 0
        for stale in self._items.values():
            if stale.heard_samples is None and stale.response.generation < generation:
                stale.heard_samples = _heard_of(stale, item, samples)
                heard_samples += stale.heard_samples
                actions += self._truncate(stale)
        if actions:
            actions.append(Interrupted(samples_to_ms(heard_samples)))
        return actions + self.heard(item, samples)

    def _react(self, event: Event) -> Iterator[Action]:
        match event:
            case AudioDelta():
                yield from self._audio(event)
            case AudioDone():
                yield from self._audio_done(event.item_id)
            case WordsDelta(response_id, text):
                yield from self._words(response_id, text)
            case WordsDone(response_id):
                yield from self._close_words(response_id)
            case SpeechStarted():
                yield from self._speech_started()
            case SpeechStopped():
                self._user_speaks = False
                self._answer_due = True
                yield Processing()
            case UserTranscript(text):
                yield UserSaid(text)
            case ResponseCreated(response_id):
                self._responses[response_id] = _Response(self._generation)
                self._answer_due = False
                self._ready_told = False
            case ResponseDone():
                yield from self._response_done(event)
            case ServiceError(code, message):
                yield from self._error(code, message)

    def _speech_started(self) -> Iterator[Action]:
        self._user_speaks = True
        self._answer_due = False
        self._ready_told = False
        if self._interrupt_response and (self._live_responses() or any(self._unheard_items())):
            yield from self._cut()
        yield Listening()

    def _cut(self) -> Iterator[Action]:
        self._generation += 1
        yield Cut(self._generation)
        if self._words_open:
            self._words_open = False
            yield AssistantDone()

    def _audio(self, delta: AudioDelta) -> Iterator[Action]:
        response = self._responses.get(delta.response_id)
        if response is None:
            yield Trace(f"audio of unknown response {delta.response_id} dropped")
            return
        item = self._item(delta.item_id, response)
        pcm = item.half_sample + delta.pcm
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        item.half_sample = pcm[whole:]
        offset_samples = item.received_samples
        item.received_samples += whole // SAMPLE_BYTES
        if response.generation < self._generation:
            yield from self._truncate(item)
        elif whole:
            yield Play(item.ordinal, response.generation, offset_samples, pcm[:whole])

    def _audio_done(self, item_id: str) -> Iterator[Action]:
        item = self._items.get(item_id)
        if item is not None and item.response.generation == self._generation:
            yield EndItem(item.ordinal, item.response.generation, item.received_samples)

    def _words(self, response_id: str, text: str) -> Iterator[Action]:
        if self._current(response_id):
            self._words_open = True
            yield AssistantSaid(text)

    def _close_words(self, response_id: str) -> Iterator[Action]:
        if self._words_open and self._current(response_id):
            self._words_open = False
            yield AssistantDone()

    def _response_done(self, done: ResponseDone) -> Iterator[Action]:
        response = self._responses.pop(done.response_id, None)
        if response is None:
            return
        response.finished = True
        current = response.generation == self._generation
        if current and done.status == "cancelled":
            self._keep_silent_responses_current()
            yield from self._cut()
        elif current and done.status in ("failed", "incomplete"):
            yield Notice(f"The answer is {done.status}: {done.reason or 'no reason given'}.")
        self._forget_heard_items()

    def _keep_silent_responses_current(self) -> None:
        """A response without audio yet survives a cut that is not about it."""
        sounding = {id(item.response) for item in self._items.values()}
        for response in self._live_responses():
            if id(response) not in sounding:
                response.generation += 1

    def _error(self, code: str, message: str) -> Iterator[Action]:
        if code in BENIGN_ERRORS or "session.type" in message:
            yield Trace(f"benign error {code}: {message}")
        else:
            self._answer_due = False
            yield Notice(f"The service reports {code or 'an error'}: {message}")

    def _item(self, item_id: str, response: _Response) -> _Item:
        if item_id not in self._items:
            self._items_seen += 1
            item = _Item(item_id, self._items_seen, response)
            if response.generation < self._generation:
                item.heard_samples = 0  # it came after the cut: none of it was ever queued
            self._items[item_id] = item
        return self._items[item_id]

    def _truncate(self, item: _Item) -> Iterator[Action]:
        heard_samples = item.heard_samples
        if item.truncated or heard_samples is None or heard_samples >= item.received_samples:
            return
        item.truncated = True
        if heard_ms := samples_to_ms(heard_samples):
            yield Truncate(item.item_id, heard_ms)
        else:
            yield Forget(item.item_id)

    def _current(self, response_id: str) -> bool:
        response = self._responses.get(response_id)
        return response is not None and response.generation == self._generation

    def _live_responses(self) -> list[_Response]:
        return [r for r in self._responses.values() if r.generation == self._generation]

    def _unheard_items(self) -> Iterator[_Item]:
        for item in self._items.values():
            if item.heard_samples is None and _heard_of(item, *self._heard) < item.received_samples:
                yield item

    def _forget_heard_items(self) -> None:
        """Memory stays bounded: keep only items that can still change."""
        unheard = {item.item_id for item in self._unheard_items()}
        self._items = {
            item_id: item
            for item_id, item in self._items.items()
            if item_id in unheard or not item.response.finished
        }


def _heard_of(item: _Item, heard_item: int, heard_samples: int) -> int:
    """Samples of `item` that have sounded when playback is at this position."""
    if item.ordinal < heard_item:
        return item.received_samples
    if item.ordinal > heard_item:
        return 0
    return min(heard_samples, item.received_samples)
