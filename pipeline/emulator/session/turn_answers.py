"""What the user's turns do to the answers, as the session's configuration says."""

import asyncio
from contextlib import suppress

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.responses.scheduler import ResponseScheduler
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import ClientError, event


class TurnAnswers:
    """The `AnswerControl` of one session."""

    def __init__(
        self,
        configuration: Configuration,
        conversation: ConversationHistory,
        responses: ResponseScheduler,
        sink: EventSink,
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._responses = responses
        self._sink = sink

    @property
    def is_sounding(self) -> bool:
        return self._responses.playback.is_sounding

    def interrupt(self) -> None:
        """Stop the answer; with `auto_truncate` drop what the client has not played of it."""
        if not self._configuration.interrupts_response:
            return
        unheard = self._responses.playback.stop()
        self._responses.cancel("turn_detected")
        if not self._configuration.auto_truncates:
            return
        for item_id, heard_ms in unheard:
            with suppress(ClientError):  # the client has deleted or truncated the item itself
                self._conversation.truncate(item_id, 0, heard_ms)
                self._sink.put(
                    event(
                        "conversation.item.truncated",
                        item_id=item_id,
                        content_index=0,
                        audio_end_ms=heard_ms,
                    )
                )

    def prepare(self, words: "asyncio.Task[str]") -> None:
        if self._configuration.creates_response:
            self._responses.speculate(self._configuration.for_response({}), words)

    def drop_prepared(self) -> None:
        self._responses.drop_speculation()

    def answer(self, turn: UserTurn) -> None:
        if self._configuration.creates_response:
            self._responses.answer_turn(self._configuration.for_response({}), turn)
        else:
            turn.may_be_reported.set()
