"""Short ways to drive a conversation that is free of I/O, and to read what it wants done."""

from pipeline.ipc.events import AssistantSaid
from pipeline.network.actions import Action, DeleteItem, Interrupt, QueueAudio, Truncate
from pipeline.network.conversation import Conversation
from pipeline.network.events import AudioDelta, Event, ResponseDone

MS = 24  # samples


def pcm(samples: int, first: int = 0) -> bytes:
    return b"".join((n % 32_768).to_bytes(2, "little") for n in range(first, first + samples))


def delta(samples: int, response: str = "r1", item: str = "i1", first: int = 0) -> AudioDelta:
    return AudioDelta(response, item, pcm(samples, first))


def words_of(actions: list[Action]) -> list[str]:
    return [action.text for action in actions if isinstance(action, AssistantSaid)]


def drive(conversation: Conversation, *events: Event) -> list[Action]:
    return [action for event in events for action in conversation.receive(event)]


def completed(response: str = "r1") -> ResponseDone:
    return ResponseDone(response, "completed", "")


def cancelled(response: str = "r1") -> ResponseDone:
    return ResponseDone(response, "cancelled", "turn_detected")


def plays(actions: list[Action]) -> list[QueueAudio]:
    return [action for action in actions if isinstance(action, QueueAudio)]


def cuts(actions: list[Action]) -> list[Interrupt]:
    return [action for action in actions if isinstance(action, Interrupt)]


def corrections(actions: list[Action]) -> list[Truncate | DeleteItem]:
    return [action for action in actions if isinstance(action, Truncate | DeleteItem)]
