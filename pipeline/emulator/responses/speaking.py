"""From a stream of clauses to a stream of sound, made a little ahead of what is sent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import numpy as np

from pipeline.emulator.replies.source import FunctionCall
from pipeline.pcm import Samples

_CLAUSES_AHEAD = 2
_NO_SOUND: Samples = np.zeros(0, np.int16)


class TextToSpeech(Protocol):
    """Turns words into sound: an `Engine`, or a `Speculation` over one."""

    async def say(self, clause: str, *, awaited: bool) -> Samples:
        """Return `clause` spoken, 24 kHz; `awaited` if the user hears nothing until then."""
        ...


_Making = tuple[str | FunctionCall, "asyncio.Task[Samples]"]


async def speak(
    speaker: TextToSpeech, parts: AsyncGenerator[str | FunctionCall, None]
) -> AsyncGenerator[tuple[str | FunctionCall, Samples], None]:
    """Yield each clause with its sound while the next clauses arrive and are synthesised.

    A call is passed on in its place, without sound. The first clause is synthesised alone, because
    the user waits for it. Closing this generator closes `parts`.
    """
    made: asyncio.Queue[_Making | None] = asyncio.Queue()
    room = asyncio.Semaphore(1)

    async def make() -> None:
        awaited = True
        try:
            async with aclosing(parts):
                async for part in parts:
                    await room.acquire()
                    sound = _sound(speaker, part, awaited=awaited)
                    made.put_nowait((part, asyncio.create_task(sound)))
                    awaited = False
        finally:
            made.put_nowait(None)

    making = asyncio.create_task(make())
    more_room = _CLAUSES_AHEAD
    try:
        while (next_made := await made.get()) is not None:
            part, sound = next_made
            samples = await sound
            for _ in range(more_room):
                room.release()
            more_room = 1
            yield part, samples
        await making
    finally:
        making.cancel()
        await asyncio.wait({making})
        while not made.empty():
            if (unwanted := made.get_nowait()) is not None:
                unwanted[1].cancel()


async def _sound(speaker: TextToSpeech, part: str | FunctionCall, *, awaited: bool) -> Samples:
    return await speaker.say(part, awaited=awaited) if isinstance(part, str) else _NO_SOUND
