"""One session's ears: sound is taken as it comes, and listened to beside the events."""

import asyncio
import logging

from pipeline.emulator.audio.append_decoder import unpacked
from pipeline.emulator.audio.formats import InputFormat
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.responses.answering import Answering
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.turns.listener import Listener
from pipeline.emulator.turns.recognition import Recognition
from pipeline.emulator.turns.semantics import semantics
from pipeline.emulator.turns.spoken_turn import SpokenTurns
from pipeline.emulator.turns.user_speech import UserSpeech
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
"""About a millisecond of work."""
_MOST_UNHEARD_MS = 10_000
"""A client that sends sound faster than it can be listened to is read no faster."""

_log = logging.getLogger(__name__)


class Hearing:
    """Whoever else is called than `append` and `close` has waited until this has `caught_up`."""

    def __init__(
        self,
        engine: Engine,
        configuration: Configuration,
        conversation: ConversationHistory,
        answering: Answering,
        sink: EventSink,
    ) -> None:
        self._engine = engine
        self._configuration = configuration
        self._sink = sink
        self._listener = Listener(configuration.input_format, None)
        self._recognition = Recognition(engine, self._listener)
        self._user_speech = UserSpeech(configuration, conversation, sink)
        self._turns = SpokenTurns(
            self._listener,
            self._recognition,
            configuration=configuration,
            conversation=conversation,
            answering=answering,
            user_speech=self._user_speech,
            sink=sink,
        )
        self._listening: asyncio.Task[None] | None = None
        self.configure()

    def check_change(self, format_: InputFormat) -> None:
        """Raise `ClientError` if the sound to come cannot have this format."""
        self._listener.check_change(format_)

    def configure(self) -> None:
        """Follow a change of the configuration."""
        self._turns.semantics = semantics(self._configuration.wire["turn_detection"])
        self._listener.configure(
            self._configuration.input_format,
            self._configuration.endpointing,
            asks_for_words=self._turns.semantics.asks_for_words,
        )
        if self._configuration.endpointing is None:
            self._turns.abandon()

    def unfinished(self, item_id: str) -> UserTurn | None:
        """The turn that became this item, while its words are still to be found or told."""
        return self._user_speech.unfinished(item_id)

    def close(self) -> None:
        """End everything that is still under way."""
        if self._listening is not None:
            self._listening.cancel()
        self._turns.abandon()
        self._user_speech.close()

    async def append(self, message: Event) -> None:
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
        """Wait until everything that was appended is listened to."""
        if self._listening is not None:
            await asyncio.shield(self._listening)

    async def commit(self, _: Event) -> None:
        start_ms, end_ms = self._listener.commit()
        item_id = self._turns.abandon() or new_id("item")
        words = self._recognition.begin(start_ms, end_ms)
        heard = await self._user_speech.add(item_id, end_ms - start_ms, words)
        heard.may_be_reported.set()
        self._listener.forget_committed()

    def clear(self, _: Event) -> None:
        self._turns.abandon()
        self._listener.clear()
        self._sink.put(event("input_audio_buffer.cleared"))

    async def _listen(self) -> None:
        """Listen to all that is there; what goes wrong is told once."""
        try:
            model = await self._engine.detector()
            for count, change in enumerate(self._listener.turn_events(model), 1):
                await self._turns.follow(change)
                if count % _WINDOWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)  # others want to be heard, too
        except ClientError as error:
            self._sink.put(error_event(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not end a client's session
            _log.exception("sound could not be listened to")
            fault = ClientError("server_error", "The service could not listen to this sound.")
            self._sink.put(error_event(fault, kind="server_error"))
