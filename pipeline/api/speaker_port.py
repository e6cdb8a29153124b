"""Gives a program's speaker the sound of the answers."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator

from pipeline.api.microphone_pump import Fail, failure_of, is_async
from pipeline.api.sound import SoundBlock, SoundDrop, SpeakerItem, SpeakerOutput
from pipeline.api.waker import LoopWaker
from pipeline.errors import SoundError
from pipeline.shm.state import Position
from pipeline.supervisor.speaker_end import SpeakerEnd


class SpeakerPort:
    """What a program does with its speaker. The methods return at once; any thread may call them.

    What is called with a `PipelineError` ends the conversation: the program's function has failed.
    """

    def __init__(self, output: SpeakerOutput) -> None:
        self.output = output
        self.end = SpeakerEnd(
            output.format.rate_hz,
            on_request=output.paced_by == "caller",
            confirms=output.heard == "confirmed",
            silence=output.silence,
        )
        self._given = Position(0, 0)

    @property
    def needs_loop(self) -> bool:
        """Whether the program's function is asynchronous."""
        return is_async(self.output.sink)

    def request(self, samples: int) -> None:
        """Ask for so many samples more; they come as soon as there are any.

        :raises SoundError: `samples` is not 1 or more, or a clock paces this speaker.
        """
        if self.output.paced_by != "caller":
            raise SoundError("This speaker is paced by the clock, expected paced_by='caller'.")
        if not _is_count(samples) or samples < 1:
            raise SoundError(f"The speaker asks for {samples!r} samples, expected 1 or more.")
        self.end.request(samples)

    def heard_until(self, answer: int, position: int) -> None:
        """Confirm that the answers have sounded up to sample `position` of `answer`.

        A place before the latest one changes nothing.

        :raises SoundError: that place was not given yet, or ``heard`` is "delivered".
        """
        if self.output.heard != "confirmed":
            raise SoundError("This speaker confirms nothing, expected heard='confirmed'.")
        counts = _is_count(answer) and _is_count(position)
        if not counts or answer < 1 or (answer, position) > self._given:
            raise SoundError(
                f"The speaker confirms sample {position!r} of answer {answer!r}, expected a place "
                f"up to sample {self._given.samples} of answer {self._given.item}, which was given "
                "last."
            )
        self.end.confirm(Position(answer, position))

    def take(self) -> SpeakerItem | None:
        """Return what is to be done next; None if there is nothing now."""
        block = self.end.take()
        if block is None:
            return None
        item, position = block.place
        if block.samples is None:
            return SoundDrop(item, position)
        given = SoundBlock(item, position, self.output.format.interleaved(block.samples))
        if item:
            self._given = max(self._given, Position(item, given.end))
        return given

    def run(self, fail: Fail, on_change: Callable[[], None]) -> None:
        """Pass on what comes, in a thread, until the end.

        :param on_change: called when something may have come, if no function takes it here.
        """
        sink = self.output.sink
        if sink is None or self.needs_loop:
            while not self.end.closed:
                self.end.wait()
                on_change()
            on_change()  # it may have closed since the last call
            return
        try:
            while True:
                ended = self.end.closed  # before the blocks: the last one comes before the end
                while (item := self.take()) is not None:
                    sink(item)
                if ended:
                    return
                self.end.wait()
        except Exception as error:  # noqa: BLE001 - the user's code; the conversation's end tells it
            fail(failure_of("speaker", error))

    async def run_on_loop(self, fail: Fail, items: AsyncIterator[SpeakerItem]) -> None:
        """Pass all `items` on to an asynchronous function, until the end."""
        sink = self.output.sink
        try:
            async for item in items:
                await sink(item)  # type: ignore[misc]  # `needs_loop` has looked
        except Exception as error:  # noqa: BLE001 - the user's code; the conversation's end tells it
            fail(failure_of("speaker", error))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


class AsyncSpeaker(AsyncIterator[SpeakerItem]):
    """The blocks of a speaker, and its interruptions, for the event loop of its session."""

    def __init__(self, port: SpeakerPort) -> None:
        self._port = port
        self.waker = LoopWaker()
        self.request = port.request
        self.heard_until = port.heard_until

    async def __anext__(self) -> SpeakerItem:
        """Wait for what is to be done next; ends with the conversation."""
        self.waker.check_loop()
        while True:
            ended = self._port.end.closed  # before the block: the end comes after the last one
            item = self._port.take()
            if item is not None:
                return item
            if ended:
                raise StopAsyncIteration
            await self.waker.wait_change()


class BlockingSpeaker(Iterator[SpeakerItem]):
    """The blocks of a speaker, and its interruptions, for one thread."""

    def __init__(self, port: SpeakerPort) -> None:
        self._port = port
        self.changed = threading.Event()
        self.request = port.request
        self.heard_until = port.heard_until

    def __next__(self) -> SpeakerItem:
        """Wait for what is to be done next; ends with the conversation."""
        while True:
            self.changed.clear()
            ended = self._port.end.closed  # before the block: the end comes after the last one
            item = self._port.take()
            if item is not None:
                return item
            if ended:
                raise StopIteration
            self.changed.wait()
