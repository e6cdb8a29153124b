"""The words in a piece of a client's sound, found beside everything else."""

import asyncio

from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.turns.listener import Listener

Words = asyncio.Task[str]


class Recognition:
    """One client's sound, turned into words by an engine."""

    def __init__(self, engine: Engine, listener: Listener) -> None:
        self._engine = engine
        self._listener = listener

    def begin(self, start_ms: int, end_ms: int) -> Words:
        """Recognise that part of the sound. To cancel the words is to want them no more."""
        samples = self._listener.heard(start_ms, end_ms)
        words = asyncio.create_task(self._engine.transcribe(samples))
        # What nobody waited for has failed for nobody.
        words.add_done_callback(lambda done: done.cancelled() or done.exception())
        return words


async def text_of(words: Words) -> str | None:
    """Wait for the words; None if they cannot be recognised."""
    await asyncio.wait({words})
    return None if words.cancelled() or words.exception() is not None else words.result()
