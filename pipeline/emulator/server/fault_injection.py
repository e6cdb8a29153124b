"""What faults do to messages: their delay, and messages in addition. Free of clock and socket."""

import json
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.emulator.server.faults import Faults
from pipeline.emulator.wire.events import ClientError, Event, error_event, event

_DELTA = "response.audio.delta"
_LAST_DELTAS = "response.audio.done"
_INTERRUPTION = "input_audio_buffer.speech_started"


class LinkDelay:
    """The delay of messages in one direction; they arrive in order."""

    def __init__(
        self,
        delay_ms: float = 0.0,
        jitter_ms: float = 0.0,
        seed: int = 0,
        stall_s: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Take `stall_s`, from when until when nothing arrives, on the clock of `arrival_s`."""
        self._delay_s = delay_ms / 1_000
        self._jitter_s = jitter_ms / 1_000
        self._stall_start_s, self._stall_end_s = stall_s
        self._random = np.random.default_rng(seed)
        self._last_s = 0.0

    def arrival_s(self, now_s: float) -> float:
        """Return when a message arrives that is sent at `now_s`."""
        at_s = now_s + self._delay_s
        if self._jitter_s:
            at_s += self._jitter_s * self._random.random()
        if self._stall_start_s <= at_s < self._stall_end_s:
            at_s = self._stall_end_s
        self._last_s = max(self._last_s, at_s)
        return self._last_s


def uplink(faults: Faults) -> LinkDelay:
    return LinkDelay(faults.uplink_delay_ms, faults.uplink_jitter_ms, faults.seed)


def downlink(faults: Faults, start_s: float) -> LinkDelay:
    """Return the delay to the client in a session that began at `start_s`."""
    stall_start_s = start_s + faults.stall_after_s
    stall_s = (stall_start_s, stall_start_s + faults.stall_s)
    return LinkDelay(faults.downlink_delay_ms, faults.downlink_jitter_ms, faults.seed + 1, stall_s)


class Message(NamedTuple):
    """An event as it is sent, with its type."""

    kind: str
    text: str


class FaultInjector:
    """Turns each event of the service into the messages that are sent for it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._late = _LateDeltas(faults.late_deltas)
        chances = np.random.default_rng(faults.seed).spawn(3)
        self._duplicates, self._errors, self._unknown = chances

    def messages(self, given: Event) -> Iterator[Message]:
        """Encode `given` in its present state; yield the messages that are due now."""
        for each in self._late.after(_encoded(given)):
            yield each
            yield from self._additions(each)

    def _additions(self, message: Message) -> Iterator[Message]:
        faults = self._faults
        if _happens(self._duplicates, faults.duplicate_probability):
            yield message
        if _happens(self._errors, faults.error_probability):
            yield _encoded(injected_error())
        if _happens(self._unknown, faults.unknown_probability):
            yield _encoded(event("response.unknown_event", note="A fault on demand."))


class _LateDeltas:
    """Holds back the newest deltas of an answer, so that `speech_started` overtakes them.

    Other events keep their place among the deltas.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: deque[Message] = deque()
        self._deltas = 0

    def after(self, message: Message) -> Iterator[Message]:
        if message.kind == _DELTA and self._count:
            self._deltas += 1
            self._held.append(message)
            yield from self._release(self._count)
        elif not self._held:
            yield message
        elif message.kind == _INTERRUPTION:
            yield message
            yield from self._release(0)
        elif message.kind == _LAST_DELTAS:
            yield from self._release(0)
            yield message
        else:
            self._held.append(message)

    def _release(self, most: int) -> Iterator[Message]:
        """Yield the oldest messages until only `most` deltas are held."""
        while self._held and (self._deltas > most or self._held[0].kind != _DELTA):
            message = self._held.popleft()
            self._deltas -= message.kind == _DELTA
            yield message


def injected_error() -> Event:
    message = "This error is a fault on demand: nothing is wrong."
    return error_event(ClientError("server_error", message), kind="server_error")


def _encoded(given: Event) -> Message:
    return Message(given["type"], json.dumps(given))


def _happens(chance: np.random.Generator, probability: float) -> bool:
    return probability > 0 and chance.random() < probability
