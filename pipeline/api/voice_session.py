"""The conversation for programs with an event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from pipeline.api.controls import ENDED, NO_SPEAKER, SessionControls
from pipeline.api.sound import MicrophoneInput, SpeakerOutput
from pipeline.api.speaker_port import AsyncSpeaker
from pipeline.api.waker import LoopWaker
from pipeline.config.settings import Settings
from pipeline.errors import SessionError, SoundError
from pipeline.ipc.events import Event


class VoiceSession(SessionControls, AsyncIterator[Event]):
    """A conversation: an asynchronous context manager, and an iterator of its events.

        async with VoiceSession(settings) as session:
            async for event in session:
                print(event)

    Entering starts the processes and returns at once. The iterator ends when a recorded input has
    been answered or the session is closed, and raises the `PipelineError` that ended it otherwise.
    Leaving the context ends everything: processes, threads, shared memory.

    The session belongs to the event loop that it was entered in.

    :param tools: functions, methods and coroutine functions with type hints and a docstring, which
        the model may call, besides the files of ``settings.tools``.
    :param tools_in: "caller": coroutines run on the event loop, each other
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
        self._waker = LoopWaker()
        super().__init__(
            settings,
            tools,
            tools_in,
            self._waker.wake,
            microphone=microphone,
            speaker=speaker,
            levels=levels,
        )
        port = self._sound.speaker
        self._speaker = AsyncSpeaker(port) if port is not None else None

    async def __aenter__(self) -> Self:
        """Start the conversation.

        :raises SessionError: it was started before.
        """
        self._waker.enter()
        speaker = self._speaker
        if speaker is not None:
            speaker.waker.enter()
        self._begin(asyncio.get_running_loop())
        self._sound.start(
            self._thread.fail, speaker.waker.wake if speaker else lambda: None, speaker
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the conversation.

        :raises PipelineError: it has failed, and its events were not read to the end.
        """
        await self.close()
        if error is None:
            self._raise_failure()

    async def __anext__(self) -> Event:
        """Wait for the next event.

        :raises SessionError: in another event loop, or before the session is entered.
        :raises PipelineError: the conversation could not start, or broke off.
        """
        self._check_started()
        self._waker.check_loop()
        while True:
            ended = self._thread.ended  # before the queue: the end comes after the last event
            event = self._thread.take()
            if event is not None:
                return event
            if ended:
                self._raise_failure()
                raise StopAsyncIteration
            await self._waker.wait_change()

    async def wait_open(self) -> None:
        """Wait until the session, the microphone and the speaker work.

        :raises PipelineError: the conversation could not start.
        :raises SessionError: it was closed before.
        """
        self._check_started()
        self._waker.check_loop()
        while not self._thread.opened:
            if self._thread.ended:
                self._raise_failure()
                raise SessionError(ENDED)
            await self._waker.wait_change()

    @property
    def speaker(self) -> AsyncSpeaker:
        """The program's own speaker: an iterator of its `SoundBlock` and `SoundDrop`.

        :raises SoundError: the session has none.
        """
        if self._speaker is None:
            raise SoundError(NO_SPEAKER)
        return self._speaker

    async def close(self) -> None:
        """End the conversation, and wait until nothing is left of it: about a second at most.

        Events that were not read can still be read. A cancellation waits for the end as well.
        """
        if not self._started:
            return
        self._waker.check_loop()
        self._thread.stop()
        cancelled: asyncio.CancelledError | None = None
        while not self._thread.ended:
            try:
                await self._waker.wait_change()
            except asyncio.CancelledError as error:
                cancelled = error
        self._thread.join()  # its last statements
        await self._sound.leave()
        if cancelled is not None:
            raise cancelled
