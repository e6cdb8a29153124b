"""From the SDK's server events to the conversation's.

Events are told apart by their ``type`` string, so that types newer than the SDK, which arrive as
the bare `ServerEvent`, pass through as `Unhandled`.
"""

from collections.abc import Callable
from typing import Any

from azure.ai.voicelive.models import ServerEvent

from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    Event,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    Unhandled,
    UserTranscript,
    WordsDelta,
    WordsDone,
)


def translate(event: ServerEvent) -> Event:
    """What `event` means to the conversation."""
    make = _TRANSLATIONS.get(str(event.get("type")))
    return make(event) if make else Unhandled()


def _audio_delta(event: Any) -> AudioDelta:  # noqa: ANN401 - the SDK's models are dynamic
    """:raises TypeError: the sound is missing or no base64, which the SDK passes on as it is."""
    if not isinstance(event.delta, bytes):
        raise TypeError("an audio delta without sound")
    return AudioDelta(event.response_id, event.item_id, event.delta)


def _words_delta(event: Any) -> WordsDelta:  # noqa: ANN401 - the SDK's models are dynamic
    return WordsDelta(event.response_id, event.delta or "")


def _response_done(event: Any) -> ResponseDone:  # noqa: ANN401 - the SDK's models are dynamic
    response = event.response
    return ResponseDone(
        response_id=response.id or "",
        status=str(response.get("status") or "completed"),
        reason=_reason(response.get("status_details") or {}),
    )


def _reason(details: Any) -> str:  # noqa: ANN401 - the SDK's models are dynamic
    """A cancelled or incomplete answer has a reason, a failed one an error."""
    error = details.get("error") or {}
    return str(details.get("reason") or error.get("message") or error.get("code") or "")


_TRANSLATIONS: dict[str, Callable[[Any], Event]] = {
    "session.created": lambda e: SessionCreated(e.session.get("id") or ""),
    "session.updated": lambda _: SessionUpdated(),
    "input_audio_buffer.speech_started": lambda _: SpeechStarted(),
    "input_audio_buffer.speech_stopped": lambda _: SpeechStopped(),
    "conversation.item.input_audio_transcription.completed": lambda e: UserTranscript(
        e.transcript or ""
    ),
    "conversation.item.input_audio_transcription.failed": lambda _: UserTranscript(""),
    "response.created": lambda e: ResponseCreated(e.response.id or ""),
    "response.audio.delta": _audio_delta,
    "response.audio.done": lambda e: AudioDone(e.response_id, e.item_id),
    "response.audio_transcript.delta": _words_delta,
    "response.audio_transcript.done": lambda e: WordsDone(e.response_id),
    "response.text.delta": _words_delta,
    "response.text.done": lambda e: WordsDone(e.response_id),
    "response.function_call_arguments.done": lambda e: FunctionCalled(
        e.response_id, e.call_id, e.name, e.arguments
    ),
    "response.done": _response_done,
    "error": lambda e: ServiceError(e.error.code or "", e.error.message, e.error.param or ""),
}
