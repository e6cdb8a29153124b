"""Messages that a client sends as recordings: their words are recognised as those of turns."""

import asyncio

from pipeline.emulator.audio.append_decoder import unpacked
from pipeline.emulator.audio.formats import InputDecoder, InputFormat
from pipeline.emulator.audio.pcm16k import Samples16k
from pipeline.emulator.conversation.items import Item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.wire.events import ClientError


async def decoded(audio: str, format_: InputFormat) -> Samples16k:
    """Return the sound of an `input_audio` part; raise `ClientError`."""
    try:
        return InputDecoder(format_).decode(b"".join(await unpacked(audio, format_)))
    except ClientError as error:
        raise ClientError(error.code, error.message, "item.content") from None


class Recordings:
    """One session's recorded messages, while their words are still to be found."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._unfinished: dict[str, UserTurn] = {}

    def recognise(self, item: Item, samples: Samples16k) -> None:
        """Find the words of an item, and put them into it."""
        words = asyncio.create_task(self._engine.transcribe(samples))
        heard = self._unfinished[item.id] = UserTurn(item, words)
        heard.may_be_reported.set()
        heard.reporting = asyncio.create_task(self._understand(heard))

    def unfinished(self, item_id: str) -> UserTurn | None:
        return self._unfinished.get(item_id)

    def close(self) -> None:
        """End everything that is still under way."""
        for heard in self._unfinished.values():
            heard.words.cancel()

    async def _understand(self, heard: UserTurn) -> None:
        await asyncio.wait({heard.words})
        if not heard.words.cancelled() and heard.words.exception() is None:
            await heard.item.understood()
        if self._unfinished.get(heard.item.id) is heard:  # a client may use an id again
            del self._unfinished[heard.item.id]
