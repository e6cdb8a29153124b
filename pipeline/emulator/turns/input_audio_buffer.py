"""The events `input_audio_buffer.*`: sound is taken as it comes, and searched for turns beside."""

import asyncio
import logging

from pipeline.emulator.audio.append_decoder import unpacked
from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.turns.answer_control import AnswerControl
from pipeline.emulator.turns.finished_turns import FinishedTurns
from pipeline.emulator.turns.listener import Listener
from pipeline.emulator.turns.recognition import Recognition
from pipeline.emulator.turns.settings import TurnSettings
from pipeline.emulator.turns.spoken_turns import SpokenTurns
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import (
    ClientError,
    Event,
    error_event,
    event,
    new_id,
    required,
)

_WINDOWS_AT_A_TIME = 8
"""About a millisecond of work between two yields to the event loop."""
_MOST_UNHEARD_MS = 10_000
"""More sound than this waiting for the detector stops the reading of the client."""

_log = logging.getLogger(__name__)


class InputAudioBuffer:
    """Await `caught_up()` before calling anything but `append` or `close`."""

    def __init__(
        self,
        engine: Engine,
        settings: TurnSettings,
        conversation: ConversationHistory,
        answers: AnswerControl,
        sink: EventSink,
    ) -> None:
        self._engine = engine
        self._sink = sink
        self._listener = Listener(settings.input_format, None)
        self._recognition = Recognition(engine, self._listener)
        self._finished = FinishedTurns(settings, conversation, sink)
        self._turns = SpokenTurns(self._listener, self._recognition, self._finished, answers, sink)
        self._listening: asyncio.Task[None] | None = None
        self.configure(settings)

    def check_change(self, format_: InputFormat) -> None:
        """Raise `ClientError` if sound still to be appended cannot have this format."""
        self._listener.check_change(format_)

    def configure(self, settings: TurnSettings) -> None:
        """Adopt changed settings."""
        self._finished.settings = settings
        self._turns.semantics = settings.semantics
        self._listener.configure(
            settings.input_format,
            settings.endpointing,
            asks_for_words=settings.semantics.asks_for_words,
        )
        if settings.endpointing is None:
            self._turns.abandon()

    def pending(self, item_id: str) -> UserTurn | None:
        """Return the turn that became this item while its words are not reported yet."""
        return self._finished.pending(item_id)

    def close(self) -> None:
        """Cancel everything that is under way."""
        if self._listening is not None:
            self._listening.cancel()
        self._turns.abandon()
        self._finished.close()

    async def append(self, message: Event) -> None:
        """Handle `input_audio_buffer.append`; raise `ClientError`."""
        slices = await unpacked(required(message, "audio", str), self._listener.format)
        self._listener.check_room()
        for count, data in enumerate(slices):
            if count:
                await asyncio.sleep(0)
            self._listener.append(data)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        if self._listener.unheard_ms > _MOST_UNHEARD_MS:
            await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until all appended sound is searched for turns."""
        if self._listening is not None:
            await asyncio.shield(self._listening)

    async def commit(self, _: Event) -> None:
        """Handle `input_audio_buffer.commit`; raise `ClientError`."""
        start_ms, end_ms = self._listener.commit()
        item_id = self._turns.abandon() or new_id("item")
        words = self._recognition.begin(start_ms, end_ms)
        turn = await self._finished.add(item_id, end_ms - start_ms, words)
        turn.may_be_reported.set()
        self._listener.forget_committed()

    def clear(self, _: Event) -> None:
        """Handle `input_audio_buffer.clear`."""
        self._turns.abandon()
        self._listener.clear()
        self._sink.put(event("input_audio_buffer.cleared"))

    async def _listen(self) -> None:
        """Search all appended sound; report a failure once."""
        try:
            model = await self._engine.detector()
            for count, change in enumerate(self._listener.turn_events(model), 1):
                await self._turns.follow(change)
                if count % _WINDOWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)  # the other sessions share this event loop
        except ClientError as error:
            self._sink.put(error_event(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not end a client's session
            _log.exception("appended sound could not be processed")
            fault = ClientError("server_error", "The service could not process this sound.")
            self._sink.put(error_event(fault, kind="server_error"))
