"""Messages that a client sends as recordings: their words are recognised as those of turns are."""

import asyncio

from pipeline.emulator.audio.append_decoder import unpacked
from pipeline.emulator.audio.input_formats import InputDecoder, InputFormat
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, Samples16k
from pipeline.emulator.conversation.items import Item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.wire.events import ClientError


class Recordings:
    """The recorded messages of one session until their words are known."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pending: dict[str, UserTurn] = {}

    async def take(self, item: Item, format_: InputFormat) -> Samples16k | None:
        """Take the recording out of an item and decode it; return None if it has none.

        Raises `ClientError` if the recording is not sound of this format.
        """
        if (recording := item.recording) is None:
            return None
        item.recording = None
        try:
            samples = InputDecoder(format_).decode(b"".join(await unpacked(recording, format_)))
        except ClientError as error:
            raise ClientError(error.code, error.message, "item.content") from None
        item.audio_ms = samples.size * 1_000 // RATE_16K_HZ
        return samples

    def recognise(self, item: Item, samples: Samples16k) -> None:
        """Begin to recognise the words of an item; they are put into it."""
        words = asyncio.create_task(self._engine.transcribe(samples))
        turn = self._pending[item.id] = UserTurn(item, words)
        turn.may_be_reported.set()
        turn.reporting = asyncio.create_task(self._understand(turn))

    def pending(self, item_id: str) -> UserTurn | None:
        """Return the recording of this item while its words are being recognised."""
        return self._pending.get(item_id)

    def close(self) -> None:
        """Cancel recognition that is under way."""
        for turn in self._pending.values():
            turn.words.cancel()

    async def _understand(self, turn: UserTurn) -> None:
        await asyncio.wait({turn.words})
        if not turn.words.cancelled() and turn.words.exception() is None:
            await turn.item.understood()
        if self._pending.get(turn.item.id) is turn:  # a client may use an id again
            del self._pending[turn.item.id]
