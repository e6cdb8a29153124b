"""The words in a piece of a client's sound, recognised in the background."""

import asyncio

from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.turns.listener import Listener

Words = asyncio.Task[str]


class Recognition:
    """Recognises parts of one client's sound."""

    def __init__(self, engine: Engine, listener: Listener) -> None:
        self._engine = engine
        self._listener = listener

    def begin(self, start_ms: int, end_ms: int) -> Words:
        """Begin to recognise this part of the sound. Cancel the task if it is not needed."""
        samples = self._listener.heard(start_ms, end_ms)
        words = asyncio.create_task(self._engine.transcribe(samples))
        # Retrieve the exception, or asyncio logs "never retrieved" for words without a reader.
        words.add_done_callback(lambda done: done.cancelled() or done.exception())
        return words


async def text_of(words: Words) -> str | None:
    """Wait for the words; return None if they cannot be recognised."""
    await asyncio.wait({words})
    return None if words.cancelled() or words.exception() is not None else words.result()
