"""Takes sound from a program's microphone and puts it into the conversation's ring."""

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from pipeline.api.sound import MicrophoneInput
from pipeline.errors import PipelineError, SoundError
from pipeline.pcm import Samples, samples_to_ns
from pipeline.supervisor.microphone_end import MicrophoneEnd

CALL_MS = 20
"""How much sound a function is asked for at a time."""

AHEAD_S = 10.0
"""How far an iterable may be ahead of real time."""

IN_TIME_S = 0.1
"""How far if the ears listen, or if turns are marked by time."""

ROOM_POLL_S = 0.01
"""How often a full ring is looked at again."""

Fail = Callable[[PipelineError], None]

_BEHIND_S = 1.0
"""A source that is later than this does not catch up: its clock starts anew."""


class MicrophonePump:
    """Runs the source, on the event loop if it is asynchronous, otherwise in a thread of its own.

    What is called with a `PipelineError` ends the conversation: the source has failed.

    :param in_time: whether the sound is to pass in real time, however long its blocks are.
    """

    def __init__(self, microphone: MicrophoneInput, *, in_time: bool = False) -> None:
        self._source: Any = microphone.source
        self._format = microphone.format
        self.end = MicrophoneEnd(microphone.format.rate_hz)
        self._call_samples = max(1, microphone.format.rate_hz * CALL_MS // 1_000)
        iterates = isinstance(self._source, AsyncIterable | Iterable)
        ahead_s = IN_TIME_S if in_time else AHEAD_S
        self._pace = _Pace(microphone.format.rate_hz, ahead_s if iterates else 0.0)
        self._in_time = in_time
        self._stop = threading.Event()

    @property
    def needs_loop(self) -> bool:
        """Whether the source is asynchronous."""
        return isinstance(self._source, AsyncIterable) or is_async(self._source)

    def run(self, fail: Fail) -> None:
        """Pump, in a thread, until the source or the conversation ends."""
        try:
            self._wait_while(lambda: not self.end.open)
            for pcm in self._blocks():
                if self._put_all(pcm):
                    return
            self._wait_while(lambda: not self.end.end())
        except Exception as error:  # noqa: BLE001 - the user's code; the conversation's end tells it
            fail(failure_of("microphone", error))

    async def run_on_loop(self, fail: Fail) -> None:
        """Pump, on the event loop, until the source or the conversation ends."""
        try:
            await self._sleep_while(lambda: not self.end.open)
            async for pcm in self._blocks_on_loop():
                for samples in self._parts(pcm):
                    put = 0
                    while put < len(samples) and not self.end.closed:
                        put += self._put(samples[put:])
                        await asyncio.sleep(0 if put == len(samples) else ROOM_POLL_S)
                    await asyncio.sleep(self._pace.pause_s(len(samples), time.monotonic()))
                    if self.end.closed:
                        return
            await self._sleep_while(lambda: not self.end.end())
        except Exception as error:  # noqa: BLE001 - the user's code; the conversation's end tells it
            fail(failure_of("microphone", error))

    def stop(self) -> None:
        """Let a thread of `run` end, as soon as the source lets it."""
        self._stop.set()

    def _blocks(self) -> Iterator[object]:
        if isinstance(self._source, Iterable):
            yield from self._source
            return
        while (pcm := self._source(self._call_samples)) is not None:
            yield pcm

    async def _blocks_on_loop(self) -> AsyncIterator[object]:
        if isinstance(self._source, AsyncIterable):
            async for pcm in self._source:
                yield pcm
            return
        while (pcm := await self._source(self._call_samples)) is not None:
            yield pcm

    def _put_all(self, pcm: object) -> bool:
        """Put a block, then wait until the next one is due; returns whether all is over."""
        for samples in self._parts(pcm):
            put = self._put(samples)
            while put < len(samples) and not self._over:
                self._stop.wait(ROOM_POLL_S)
                put += self._put(samples[put:])
            self._stop.wait(self._pace.pause_s(len(samples), time.monotonic()))
            if self._over:
                break
        return self._over

    def _parts(self, pcm: object) -> Iterator[Samples]:
        """Yield a block as a whole, or in parts that are put one by one; an empty one is one."""
        samples = self._format.mono(pcm, "The microphone")
        longest = self._call_samples if self._in_time else max(1, len(samples))
        for start in range(0, max(1, len(samples)), longest):
            yield samples[start : start + longest]

    def _put(self, samples: Samples) -> int:
        age_ns = samples_to_ns(len(samples), self.end.rate_hz)
        return self.end.write(samples, time.monotonic_ns() - age_ns)

    @property
    def _over(self) -> bool:
        return self.end.closed or self._stop.is_set()

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        while not self._over and condition():
            self._stop.wait(ROOM_POLL_S)

    async def _sleep_while(self, condition: Callable[[], bool]) -> None:
        while not self.end.closed and condition():  # noqa: ASYNC110 - the ring tells nobody
            await asyncio.sleep(ROOM_POLL_S)


class _Pace:
    """Says how long to wait after a block, so that the sound is not ahead of real time.

    :param ahead_s: how far it may be ahead.
    """

    def __init__(self, rate_hz: int, ahead_s: float) -> None:
        self._rate_hz = rate_hz
        self._ahead_s = ahead_s
        self._due_s = 0.0

    def pause_s(self, samples: int, now_s: float) -> float:
        """Return how long to wait after so many samples; nothing came: the length of one call."""
        if now_s - self._due_s > _BEHIND_S:
            self._due_s = now_s
        self._due_s += samples / self._rate_hz
        ahead_s = max(0.0, self._due_s - now_s - self._ahead_s)
        return ahead_s if samples else max(ahead_s, CALL_MS / 1_000)


def is_async(function: object) -> bool:
    """Whether calling `function` gives something to await."""
    call = getattr(function, "__call__", None)  # noqa: B004 - an object with an async __call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def failure_of(part: str, error: Exception) -> PipelineError:
    """Return the sentence for a program's `part` that has raised `error`."""
    if isinstance(error, PipelineError):
        return error
    described = f"{type(error).__name__}: {error}".rstrip(": ")
    failure = SoundError(
        f"The program's {part} failed ({described}): handle this in the program, or let it give "
        "silence."
        if part == "microphone"
        else f"The program's {part} failed ({described}): handle this in the program."
    )
    failure.__cause__ = error
    return failure
