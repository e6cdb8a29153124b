"""The user speaks while an answer sounds: the answer stops, and is remembered as far as heard."""

from contextlib import suppress

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.responses.answering import Answering
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import ClientError, event


def interrupt(
    answering: Answering, conversation: ConversationHistory, sink: EventSink, *, truncates: bool
) -> None:
    """Stop the answer; if it `truncates`, forget what of it the client has not played yet."""
    unheard = answering.playback.stop()
    answering.cancel("turn_detected")
    if not truncates:
        return
    for item_id, heard_ms in unheard:
        with suppress(ClientError):  # the client has deleted or truncated it itself
            conversation.truncate(item_id, 0, heard_ms)
            sink.put(
                event(
                    "conversation.item.truncated",
                    item_id=item_id,
                    content_index=0,
                    audio_end_ms=heard_ms,
                )
            )
