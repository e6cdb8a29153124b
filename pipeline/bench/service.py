"""The scripted service that `bench` measures clients with: real protocol, exact times, fixed words.

It answers each utterance as soon as it has received the utterance's end, and reports after a random
time that the user speaks. It runs in a process of its own, so that its work delays no sound.
"""

import asyncio
import base64
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.bench import events
from pipeline.bench.scenarios import CALL_AFTER_MS, PAUSE_MS, Scenario
from pipeline.bench.service_log import Delta, ServiceLog, Turn, TurnOver
from pipeline.bench.signals import answer, utterance_ends
from pipeline.bench.stratified_times import StratifiedTimes, wait_until
from pipeline.bench.voice_server import ClientConnection, serve_until_stopped
from pipeline.bench.wav_files import read_wav
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import Report
from pipeline.pcm import NS_PER_S, PCM16, ms_to_ns, ms_to_samples
from pipeline.system.event_loop import event_loop
from pipeline.system.scheduling import promote_this_thread

ANSWER_MS = 3_000
TOOL = "hold"
BULKY_TOOL = "fill"
BULKY_CALLS = 5
"""Their results are more than a client can hand to the system and to its library."""

PRIORITY = 20
"""Below every thread of a client, above all other programs: a real service runs on another machine
and never waits for a processor of this one."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the service does in one run."""

    scenario: Scenario
    turns: int
    seed: int
    key: str
    """What the client must send as its ``api-key``."""
    microphone: Path
    """WAV file that the client's microphone plays; everything received is compared with it."""
    period_ms: float
    """Of the client's card; the service's times are spread evenly over it."""


def main(
    pipe: "Connection[Report, Command]",
    script: Script,
    listener: socket.socket,
    results: "Connection[TurnOver | ServiceLog, None]",
) -> None:
    """Entry point of the spawned process.

    `results` takes a `TurnOver` after each turn, and the log when the client leaves.
    """
    run_child(pipe, False, partial(_work, script, listener, results))


def _work(
    script: Script,
    listener: socket.socket,
    results: "Connection[TurnOver | ServiceLog, None]",
    link: SupervisorLink,
) -> None:
    async def converse(connection: ClientConnection) -> None:
        session = Session(script, connection, results.send)
        await session.run()
        results.send(session.log)

    async def serve() -> None:
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(initializer=promote_this_thread, initargs=(PRIORITY,))
        )
        await serve_until_stopped(link, listener, script.key, converse)

    promote_this_thread(PRIORITY)
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serve())


class Session:
    """The conversation with one client."""

    def __init__(
        self, script: Script, connection: ClientConnection, report: Callable[[TurnOver], None]
    ) -> None:
        self.log = ServiceLog()
        self._scenario = script.scenario
        self._random = random.Random(script.seed)  # noqa: S311 - not used for secrets
        scenario, period_ms, turns = script.scenario, script.period_ms, script.turns
        self._first_delta_times = StratifiedTimes(PAUSE_MS, period_ms, turns, self._random)
        self._interruption_times = StratifiedTimes(
            scenario.interrupt_after_ms, period_ms, turns, self._random
        )
        self._expected = read_wav(script.microphone)
        self._connection = connection
        self._send = connection.send
        self._received = connection.received
        self._report = report
        self._received_samples = 0
        self._loud = False
        self._ends: asyncio.Queue[Turn] = asyncio.Queue()

    async def run(self) -> None:
        """Follow the script until the client leaves."""
        speaking = asyncio.create_task(self._speak())
        try:
            async for arrived_ns, event in self._received():
                await self._receive(event, arrived_ns)
        finally:
            speaking.cancel()
            with suppress(asyncio.CancelledError):
                await speaking

    async def _receive(self, event: dict[str, Any], arrived_ns: int) -> None:
        match event["type"]:
            case "input_audio_buffer.append":
                self._hear(base64.b64decode(event["audio"]), arrived_ns)
            case "conversation.item.truncate":
                item, heard_ms = event["item_id"], event["audio_end_ms"]
                self._remember(item, heard_ms)
                place = {"item_id": item, "content_index": 0, "audio_end_ms": heard_ms}
                await self._send(events.event("conversation.item.truncated", **place))
            case "conversation.item.delete":
                item = event["item_id"]
                self._remember(item, 0)
                await self._send(events.event("conversation.item.deleted", item_id=item))

    def _hear(self, pcm: bytes, arrived_ns: int) -> None:
        samples = np.frombuffer(pcm, PCM16)
        start = self._received_samples
        self._received_samples += len(samples)
        self.log.appends.append((arrived_ns, self._received_samples))
        expected = self._expected[start : self._received_samples]
        self.log.wrong_samples += int(np.count_nonzero(samples[: len(expected)] != expected))
        ends, self._loud = utterance_ends(samples, was_loud=self._loud)
        for end in ends:
            number = len(self.log.turns)
            turn = Turn(number, start + end, arrived_ns)
            self.log.turns.append(turn)
            self._ends.put_nowait(turn)

    def _remember(self, item: str, heard_ms: int) -> None:
        number = events.turn_of_item(item)
        if number is not None and number < len(self.log.turns):
            self.log.turns[number].remembered_ms = heard_ms

    async def _speak(self) -> None:
        await self._send(events.speech_started(events.user_item_id(0)))
        while True:
            turn = await self._ends.get()
            await self._turn(turn)
            self._report(TurnOver(turn.number))

    async def _turn(self, turn: Turn) -> None:
        await self._send(*events.answer_begins(turn.number))
        await wait_until(self._first_delta_times.of(turn.number, turn.recognised_ns))
        answering = asyncio.create_task(self._answer(turn))
        await asyncio.sleep(0)  # the first delta is written before this returns
        if self._scenario.gil_holding_tool:
            await wait_until(turn.first_delta_ns + self._chosen_ns(CALL_AFTER_MS))
            await self._send(*events.function_call(turn.number, TOOL))
        stopped_ns = await self._stop_reading(turn)
        await wait_until(self._interruption_times.of(turn.number, turn.first_delta_ns))
        complete = answering.done()
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
        text = events.speech_started(events.user_item_id(turn.number + 1))
        turn.speech_started_ns = time.monotonic_ns()
        await self._send(text)
        await self._send_late_deltas(turn)
        if not complete:
            await self._send(*events.answer_ends(turn.number, "cancelled", reason="turn_detected"))
        await self._resume_reading(turn, stopped_ns)

    async def _stop_reading(self, turn: Turn) -> int:
        """Stop reading and let the model call, if the scenario says so; return when."""
        stopped_ns = time.monotonic_ns()
        if self._scenario.unread_ms:
            self._connection.stop_reading()
            for index in range(BULKY_CALLS):
                number = turn.number * BULKY_CALLS + index
                await self._send(*events.function_call(number, BULKY_TOOL, turn.number))
        return stopped_ns

    async def _resume_reading(self, turn: Turn, stopped_ns: int) -> None:
        if self._scenario.unread_ms:
            await wait_until(turn.speech_started_ns + ms_to_ns(self._scenario.unread_ms))
            self.log.unread_ns.append((stopped_ns, time.monotonic_ns()))
            self._connection.resume_reading()

    async def _answer(self, turn: Turn) -> None:
        """Send the deltas of an answer at the scenario's pace, all but the late ones."""
        scenario = self._scenario
        for index in range(ANSWER_MS // scenario.delta_ms - scenario.late_deltas):
            if index:
                jitter_ns = self._chosen_ns((0.0, scenario.jitter_ms))
                await wait_until(turn.first_delta_ns + scenario.delta_delay_ns(index) + jitter_ns)
            await self._send_delta(turn)
        if not scenario.late_deltas:
            await self._send(*events.answer_ends(turn.number, "completed"))

    async def _send_late_deltas(self, turn: Turn) -> None:
        start_ns = time.monotonic_ns()
        for index in range(self._scenario.late_deltas):
            gap_ns = index * self._scenario.late_gap_ms * NS_PER_S // 1_000
            await wait_until(start_ns + gap_ns)
            await self._send_delta(turn)

    async def _send_delta(self, turn: Turn) -> None:
        start = turn.sent_samples
        end = start + ms_to_samples(self._scenario.delta_ms)
        text = events.answer_delta(turn.number, answer(turn.number, start, end - start))
        sent_ns = time.monotonic_ns()
        turn.first_delta_ns = turn.first_delta_ns or sent_ns
        turn.deltas.append(Delta(start, end, sent_ns))
        await self._send(text)

    def _chosen_ns(self, bounds_ms: tuple[float, float]) -> int:
        return ms_to_ns(self._random.uniform(*bounds_ms))
