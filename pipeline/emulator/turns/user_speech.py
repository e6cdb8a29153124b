"""A turn of the user's that is over becomes an item, and the client is told its words."""

import asyncio

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import spoken_item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.turns.recognition import Words
from pipeline.emulator.turns.transcription import transcription_events
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import event


class UserSpeech:
    """The spoken items of one session, until their words are told."""

    def __init__(
        self, configuration: Configuration, conversation: ConversationHistory, sink: EventSink
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._sink = sink
        self._heard: dict[str, UserTurn] = {}

    async def add(self, item_id: str, audio_ms: int, words: Words) -> UserTurn:
        """Make a turn an item. Where a model of text answers, wait for its words first."""
        item = spoken_item(item_id, audio_ms)
        heard = self._heard[item.id] = UserTurn(item, words)
        previous_id = self._conversation.add(item)
        self._sink.put(
            event("input_audio_buffer.committed", previous_item_id=previous_id, item_id=item.id)
        )
        if self._configuration.is_cascaded:
            heard.may_be_reported.set()
            await self._tell_words(heard)
        else:
            heard.reporting = asyncio.create_task(self._tell_words(heard))
        self._sink.put(
            event("conversation.item.created", previous_item_id=previous_id, item=item.wire)
        )
        return heard

    def unfinished(self, item_id: str) -> UserTurn | None:
        """The turn that became this item, while its words are still to be found or told."""
        return self._heard.get(item_id)

    def close(self) -> None:
        """End everything that is still under way."""
        for heard in tuple(self._heard.values()):
            heard.words.cancel()
            if heard.reporting is not None:
                heard.reporting.cancel()

    async def _tell_words(self, heard: UserTurn) -> None:
        """Tell the client what was recognised, when it is recognised and its moment has come."""
        await asyncio.wait({heard.words})
        failure = heard.words.exception()
        if failure is None:
            heard.item.wire["content"][0]["transcript"] = heard.words.result()
        await heard.may_be_reported.wait()
        del self._heard[heard.item.id]
        if self._configuration.transcribes:
            self._sink.put(*transcription_events(heard.item, failure))
