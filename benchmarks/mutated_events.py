"""Wrong events of the service in the conversation, and through a socket in the network process.

    in process    message ─▶ decode ─▶ Conversation ─▶ actions, checked ─▶ Console
    over a socket server ─▶ WebSocket ─▶ network process ─▶ playback ring, drained here

Nothing may raise, no process may end, and after every 500 messages a valid turn must be answered:
its sound is queued, its words are shown, and the call of a tool is followed by a request to go on.

    python -m benchmarks.mutated_events
    python -m benchmarks.mutated_events --messages 100000 --over-socket 10000 --seed 3
"""

import asyncio
import io
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from random import Random

import numpy as np

from benchmarks.event_mutations import mutated_messages
from pipeline.bench import events
from pipeline.bench.voice_processes import not_replaced
from pipeline.bench.voice_server import ClientConnection, local_listener, serving
from pipeline.config.settings import Settings
from pipeline.console import console as console_module
from pipeline.ipc.commands import CallTool
from pipeline.ipc.events import AssistantSaid
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report, event_of
from pipeline.network.actions import (
    Action,
    CreateResponse,
    EndItem,
    Interrupt,
    QueueAudio,
    SendToolResult,
    ServiceAction,
    SoundAction,
)
from pipeline.network.conversation import Conversation
from pipeline.network.decode import UnreadableError, read
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import CutReport, Position
from pipeline.supervisor.voice_processes import VoiceProcesses

BETWEEN_CHECKS = 500
VALID = 1_000_000
"""Valid turns are numbered from here, so that their ids are new."""

PCM = np.arange(1, 2_401, dtype=np.int16)
KEY = "a-key-for-benchmarks"
WITHIN_S = 100.0


class InProcess:
    """A conversation with a loudspeaker that follows by leaps, tools that return, and a screen."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret
        self._conversation = Conversation()
        self._screen = io.StringIO()
        self._console = console_module.Console()
        self._console._out.file = self._screen  # noqa: SLF001 - a screen of our own
        self._now_s = 1_000.0
        self._calls: list[str] = []
        self._queued = Position(0, 0)
        self._heard = Position(0, 0)
        self._valid = 0
        self.unreadable = 0

    def feed(self, message: bytes) -> list[Action]:
        """Give one message to the conversation, and carry out what it wants."""
        try:
            _, event = read(message)
        except UnreadableError as error:
            self.unreadable += 1
            str(error).encode()
            return []
        return self._perform(self._conversation.receive(event))

    def disturb(self) -> None:
        """Let time, loudspeaker, tools and sessions go on by chance."""
        self._now_s += self._random.choice((0.0, 0.02, 0.02, 3.0))
        self._perform(self._conversation.tick(self._now_s))
        if self._random.random() < 0.3:
            self._hear()
        if self._calls and self._random.random() < 0.3:
            self._perform(self._conversation.tool_returned(self._calls.pop(), "returned"))
        if self._random.random() < 0.002:
            self._perform(self._conversation.session_lost())
            self._perform(self._conversation.session_resumed())

    def check_answers(self) -> None:
        """Check that a valid turn with a call of a tool is answered."""
        self._now_s += 60.0  # what is still owed to the turns before is given up
        for _ in range(3):
            self._perform(self._conversation.tick(self._now_s))
            self._now_s += 60.0
        self._valid += 1
        number = VALID + self._valid
        actions = [action for text in _valid_turn(number) for action in self.feed(text.encode())]
        self._heard = self._queued
        actions += self._perform(self._conversation.heard(*self._heard))
        assert any(isinstance(action, QueueAudio) for action in actions), "no sound"
        assert AssistantSaid("Words.") in actions, "no words"
        assert any(isinstance(action, CallTool) for action in actions), "no call"
        asked = self._perform(self._conversation.tool_returned(f"call_{number}", "noon"))
        assert SendToolResult(f"call_{number}", "noon") in asked, "no result"
        requests = [action for action in asked if isinstance(action, CreateResponse)]
        assert requests, "no request to go on"
        assert self._conversation.release(requests[-1]), "a stale request"
        assert "\x1b" not in self._screen.getvalue()
        self._screen.truncate(0)

    def _perform(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            match action:
                case QueueAudio(item, _, offset_samples, pcm):
                    assert len(pcm) % 2 == 0
                    self._queue(Position(item, offset_samples + len(pcm) // 2))
                case EndItem(item, _, offset_samples):
                    self._queue(Position(item, offset_samples))
                case Interrupt(generation):
                    assert generation == self._conversation.generation
                    self._perform(self._conversation.cut_settled(generation, *self._heard))
                case CallTool(call_id):
                    self._calls.append(call_id)
            if not isinstance(action, SoundAction | ServiceAction):
                self._show(action)
            repr(action).encode()
        return actions

    def _show(self, report: Report) -> None:
        if event := event_of(report):
            self._console.show(event)

    def _queue(self, position: Position) -> None:
        assert position >= self._queued, "a step back"
        self._queued = position

    def _hear(self) -> None:
        item = self._random.randint(self._heard.item, self._queued.item)
        samples = self._queued.samples if item == self._queued.item else self._heard.samples
        self._heard = Position(item, samples)
        self._perform(self._conversation.heard(*self._heard))


def _valid_turn(number: int) -> Iterator[str]:
    yield events.speech_started(events.user_item_id(number))
    yield from events.answer_begins(number)
    yield events.answer_delta(number, PCM)
    response = events.response_id(number)
    yield events.event("response.text.delta", response_id=response, delta="Words.")
    yield from events.function_call(number, "echo")
    yield from events.answer_ends(number, "completed")


def converse(messages: Iterable[bytes], seed: int) -> InProcess:
    """Feed a conversation; raises what it raises."""
    rig = InProcess(seed)
    for count, message in enumerate(messages, 1):
        rig.feed(message)
        rig.disturb()
        if count % BETWEEN_CHECKS == 0:
            rig.check_answers()
    rig.check_answers()
    return rig


class OverSocket:
    """The real network process, between a server that sends the messages and a ring."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = messages
        self._generation = 0
        self._sounded = False
        self.sessions = 0
        self.reports = 0

    async def run(self) -> None:
        """Send all messages, then a valid turn, and wait for its sound.

        :raises PipelineError: the process ended.
        """
        with local_listener() as (listener, endpoint), ExitStack() as stack:
            children = stack.enter_context(ChildProcesses())
            voice = VoiceProcesses(children, stack, frame_ms=50, report=not_replaced)
            settings = Settings(endpoint=endpoint, api_key=KEY, use_api_key=True, reconnect_s=60)
            async with serving(listener, KEY, self._converse):
                voice.start_network(settings)
                await self._play(voice, children)
        assert self.sessions == 1, "a network process that has ended is replaced"

    async def _converse(self, connection: ClientConnection) -> None:
        self.sessions += 1
        received = connection.received()
        async for _, event in received:
            if event["type"] == "session.update":
                break
        reading = asyncio.create_task(_read_all(received))
        while self._messages:
            message = self._messages.pop(0)
            if message.isascii():
                await connection.socket.send_str(message.decode())
            else:
                await connection.socket.send_bytes(message)
        await connection.send(*_valid_turn(VALID))
        await reading

    async def _play(self, voice: VoiceProcesses, children: ChildProcesses) -> None:
        """Take the place of playback, at any speed, until the valid turn has sounded."""
        state = voice.state
        deadline_s = time.monotonic() + WITHIN_S
        with FrameRing.attach(voice.shared.names.playback_ring) as ring:
            reader = ring.reader()
            while not self._sounded:
                assert time.monotonic() < deadline_s, "the valid turn was not heard"
                for report in children.reports(0.0):
                    self.reports += 1
                    repr(report).encode()
                if heard := self._drain(reader):
                    state.playback.heard.store(heard.packed())
                generation = state.network.generation.load()
                if generation != self._generation:
                    assert generation > self._generation, "the generation went back"
                    self._generation = generation
                    position = Position.unpacked(state.playback.heard.load())
                    state.publish_cut(CutReport(generation, position, 0, 0))
                await asyncio.sleep(0.005)

    def _drain(self, reader: RingReader) -> Position | None:
        """Take all frames; return the position after the last one that is heard."""
        heard = None
        while (frame := reader.front()) is not None:
            samples = len(frame.samples)
            if frame.generation >= self._generation:
                heard = Position(frame.item, frame.item_offset_samples + samples)
            if samples and np.array_equal(frame.samples, PCM[:samples]):
                self._sounded = True
            del frame
            reader.advance()
        return heard


async def _read_all(received: AsyncIterator[object]) -> None:
    async for _ in received:
        pass


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--over-socket", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started_s = time.monotonic()
    rig = converse(mutated_messages(given.messages, given.seed), given.seed)
    took_s = time.monotonic() - started_s
    print(f"in process: {given.messages:,} messages, {rig.unreadable:,} unreadable, {took_s:.0f} s")
    run = OverSocket(list(mutated_messages(given.over_socket, given.seed + 1)))
    asyncio.run(run.run())
    print(f"over a socket: {given.over_socket:,} messages, {run.sessions} session(s)")
    print("0 crashes, and every valid turn in between was answered")


if __name__ == "__main__":
    main()
