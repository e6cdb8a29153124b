"""What the conversation decides is carried out here: first what the sound needs."""

import time
from collections.abc import Callable, Sequence

from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.commands import CancelTool
from pipeline.ipc.events import AssistantDone, AssistantSaid, EventRead, Interrupted, Listening
from pipeline.network.actions import (
    Action,
    CancelResponse,
    DeleteItem,
    EndItem,
    Interrupt,
    QueueAudio,
    SendToolResult,
    ServiceAction,
    SoundAction,
    Truncate,
)
from pipeline.network.downlink import Downlink
from pipeline.network.events import AudioDelta, SpeechStarted
from pipeline.shm.fields import NetworkFields
from pipeline.structs import compile_initializers

_OF_A_FIRST_SOUND = (AudioDelta, QueueAudio, EndItem)
_OF_A_CUT = (
    *(SpeechStarted, EventRead, Interrupt, Listening, Interrupted),
    *(AssistantSaid, AssistantDone, CancelTool, SendToolResult),
    *(CancelResponse, Truncate, DeleteItem),
)


class Effects:
    """Carries out actions without waiting.

    :param send: takes what is for the service.
    """

    def __init__(
        self,
        words: NetworkFields,
        downlink: Downlink,
        link: SupervisorLink,
        send: Callable[[ServiceAction], None],
    ) -> None:
        compile_initializers(*_OF_A_FIRST_SOUND, *_OF_A_CUT)
        self._words = words
        self._downlink = downlink
        self._link = link
        self._send = send

    def perform(self, actions: Sequence[Action], cause: EventRead | None = None) -> None:
        """Carry out actions: sound first, then the rest in its order.

        :param cause: reported before other reports, so that a log shows it before its effects.
        """
        for action in actions:
            if isinstance(action, SoundAction):
                self._sound(action)
        if cause is not None:
            self._link.report(cause)
        for action in actions:
            if isinstance(action, ServiceAction):
                self._send(action)
            elif not isinstance(action, SoundAction):
                self._link.report(action)

    def _sound(self, action: SoundAction) -> None:
        if isinstance(action, Interrupt):
            self._words.interrupted_ns.store(time.monotonic_ns())
            # barge-in: playback loads this word in every device period.
            self._words.generation.store(action.generation)
            self._downlink.drop_older(action.generation)
        else:
            self._downlink.put(action)
