"""Turns that have ended: each becomes an item, and its words are reported to the client."""

import asyncio

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import spoken_item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.turns.recognition import Words
from pipeline.emulator.turns.settings import TurnSettings
from pipeline.emulator.turns.transcription import transcription_events
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import event


class FinishedTurns:
    """The turns of one session until their words are reported. `settings` may be replaced."""

    def __init__(
        self, settings: TurnSettings, conversation: ConversationHistory, sink: EventSink
    ) -> None:
        self.settings = settings
        self._conversation = conversation
        self._sink = sink
        self._pending: dict[str, UserTurn] = {}

    async def add(self, item_id: str, audio_ms: int, words: Words) -> UserTurn:
        """Make a turn an item. In a cascaded session wait for its words first."""
        item = spoken_item(item_id, audio_ms)
        turn = self._pending[item.id] = UserTurn(item, words)
        previous_id = self._conversation.add(item)
        self._sink.put(
            event("input_audio_buffer.committed", previous_item_id=previous_id, item_id=item.id)
        )
        if self.settings.is_cascaded:
            turn.may_be_reported.set()
            await self._report_words(turn)
        else:
            turn.reporting = asyncio.create_task(self._report_words(turn))
        self._sink.put(
            event("conversation.item.created", previous_item_id=previous_id, item=item.wire)
        )
        return turn

    def pending(self, item_id: str) -> UserTurn | None:
        """Return the turn that became this item while its words are not reported yet."""
        return self._pending.get(item_id)

    def close(self) -> None:
        """Cancel recognition and reports that are under way."""
        for turn in tuple(self._pending.values()):
            turn.words.cancel()
            if turn.reporting is not None:
                turn.reporting.cancel()

    async def _report_words(self, turn: UserTurn) -> None:
        """Send the words to the client once they are recognised and may be reported."""
        await asyncio.wait({turn.words})
        failure = turn.words.exception()
        if failure is None:
            turn.item.wire["content"][0]["transcript"] = turn.words.result()
        await turn.may_be_reported.wait()
        del self._pending[turn.item.id]
        if self.settings.transcribes:
            self._sink.put(*transcription_events(turn.item, failure))
