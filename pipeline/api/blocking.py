"""The conversation for programs without an event loop."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from pipeline.api.controls import ENDED, NO_SPEAKER, SessionControls
from pipeline.api.sound import MicrophoneInput, SpeakerOutput
from pipeline.api.speaker_port import BlockingSpeaker
from pipeline.config.settings import Settings
from pipeline.errors import SessionError, SoundError
from pipeline.ipc.events import Event


class BlockingVoiceSession(SessionControls, Iterator[Event]):
    """A conversation: a context manager, and an iterator of its events, which waits for them.

        with BlockingVoiceSession(settings) as session:
            for event in session:
                print(event)

    It behaves as `VoiceSession` does. One thread reads the events; any thread may use the rest.

    :param tools: functions, methods and coroutine functions with type hints and a docstring, which
        the model may call, besides the files of ``settings.tools``.
    :param tools_in: "caller": coroutines run on an event loop in a thread, each other
        function in a thread of its own. "process": all run in a process of their own, which
        imports them, and where a function that does not return can be ended.
    :param microphone: takes the place of a card; None: the card or file of the settings.
    :param speaker: likewise.
    :param levels: whether there is an event `Levels` ten times a second.
    :raises ToolError: the model could not call one of them.
    :raises SettingsError: a setting cannot be used; the sentence is that of the command line.
    :raises SoundError: the microphone or the speaker cannot be used.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        tools: Sequence[Callable[..., Any]] = (),
        tools_in: Literal["caller", "process"] = "caller",
        microphone: MicrophoneInput | None = None,
        speaker: SpeakerOutput | None = None,
        levels: bool = False,
    ) -> None:
        self._changed = threading.Event()
        super().__init__(
            settings,
            tools,
            tools_in,
            self._changed.set,
            microphone=microphone,
            speaker=speaker,
            levels=levels,
        )
        self._sound.check_without_loop()
        port = self._sound.speaker
        self._speaker = BlockingSpeaker(port) if port is not None else None

    def __enter__(self) -> Self:
        """Start the conversation.

        :raises SessionError: it was started before.
        """
        self._begin()
        speaker = self._speaker
        self._sound.start(self._thread.fail, speaker.changed.set if speaker else lambda: None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the conversation.

        :raises PipelineError: it has failed, and its events were not read to the end.
        """
        self.close()
        if error is None:
            self._raise_failure()

    def __next__(self) -> Event:
        """Wait for the next event.

        :raises PipelineError: the conversation could not start, or broke off.
        :raises SessionError: the session was not entered.
        """
        while (event := self.next_event(None)) is None:
            if self._thread.ended:
                self._raise_failure()
                raise StopIteration
        return event

    def next_event(self, timeout_s: float | None) -> Event | None:
        """Wait up to `timeout_s` (None: for ever) for an event; None if none came, or at the end.

        :raises SessionError: the session was not entered.
        """
        self._check_started()
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._changed.clear()
            ended = self._thread.ended  # before the queue: the end comes after the last event
            event = self._thread.take()
            if event is not None or ended:
                return event
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                return None
            self._changed.wait(left_s)

    def wait_open(self) -> None:
        """Wait until the session, the microphone and the speaker work.

        :raises PipelineError: the conversation could not start.
        :raises SessionError: it was closed before.
        """
        self._check_started()
        while not self._thread.opened:
            self._changed.clear()
            if self._thread.ended:
                self._raise_failure()
                raise SessionError(ENDED)
            if not self._thread.opened:
                self._changed.wait()

    @property
    def speaker(self) -> BlockingSpeaker:
        """The program's own speaker: an iterator of its `SoundBlock` and `SoundDrop`.

        :raises SoundError: the session has none.
        """
        if self._speaker is None:
            raise SoundError(NO_SPEAKER)
        return self._speaker

    def close(self) -> None:
        """End the conversation, and wait until nothing is left of it: about a second at most."""
        if self._started:
            self._thread.stop()
            self._thread.join()
            self._sound.join()
