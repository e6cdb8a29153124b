"""The events `conversation.item.input_audio_transcription.*`."""

from pipeline.emulator.conversation.items import Item
from pipeline.emulator.speech.engine import RecognitionUnavailableError
from pipeline.emulator.wire.events import Event, event

_KIND = "conversation.item.input_audio_transcription"


def transcription_events(item: Item, failure: BaseException | None) -> list[Event]:
    """Return the events that report the words of `item`, or the `failure` to recognise them.

    All words are recognised at once, so there is one delta.
    """
    place = {"item_id": item.id, "content_index": 0}
    if failure is not None:
        return [event(f"{_KIND}.failed", **place, error=_error(failure))]
    return [
        *([event(f"{_KIND}.delta", **place, delta=item.text)] if item.text else []),
        event(f"{_KIND}.completed", **place, transcript=item.text),
    ]


def _error(failure: BaseException) -> Event:
    unavailable = isinstance(failure, RecognitionUnavailableError)
    return {
        "type": "server_error",
        "code": "recognition_unavailable" if unavailable else "recognition_failed",
        "message": str(failure) if unavailable else "The words could not be recognised.",
    }
