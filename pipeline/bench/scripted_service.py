"""A Voice Live service that its caller steers, for what a real one does not do on demand.

Real socket, real WebSocket, real event shapes; the caller decides what is sent, and when. It runs
in a thread of the caller's process. `service.py` is the other one, exact to fractions of a
millisecond, in a process of its own.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from typing import Any, Self, TypeVar

from aiohttp import web

from pipeline.bench import events
from pipeline.bench.loop_thread import LoopThread
from pipeline.bench.voice_server import ClientConnection, local_listener, serving
from pipeline.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples, samples_to_ms

DELTA_BYTES = 14_400  # 300 ms
SPEED = 16
"""How much faster than real time answers are sent; recorded from the real service."""


class ScriptedSession:
    """The connection of one client, as the script sees it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.received: list[dict[str, Any]] = []
        self.heard = bytearray()
        self.arrivals: list[tuple[int, int]] = []
        """``time.monotonic_ns`` of each append, and the bytes in `heard` after it."""
        self.changed = asyncio.Condition()

    async def send(
        self,
        type: str,  # noqa: A002 - the protocol's name
        **fields: Any,  # noqa: ANN401 - whatever JSON can hold
    ) -> None:
        await self._connection.send(events.event(type, **fields))

    async def send_raw(self, frame: str | bytes) -> None:
        """Send a WebSocket frame that may be anything."""
        if isinstance(frame, str):
            await self._connection.send(frame)
        else:
            await self._connection.socket.send_bytes(frame)

    async def close(self, code: int = 1_000) -> None:
        """Leave with a close frame, as a service does."""
        await self._connection.socket.close(code=code, message=b"a reason")

    def abort(self) -> None:
        """Leave without a close frame: reset the TCP connection."""
        self._connection.transport.abort()

    def accept_nothing(self) -> None:
        """Leave the client's settings without an answer from now on."""
        self._connection.accepts = False

    def stop_reading(self) -> None:
        """Leave in the socket what the client sends, until `resume_reading`."""
        self._connection.stop_reading()

    def resume_reading(self) -> None:
        self._connection.resume_reading()

    @property
    def client_port(self) -> int:
        port: int = self._connection.transport.get_extra_info("peername")[1]
        return port

    async def wait_for(self, condition: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait until `condition` is true after an event was received."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(condition)

    def count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.received)

    async def start_answer(self, response: str) -> None:
        await self._connection.send(events.response_created(response))

    async def say(self, response: str, item: str, pcm: bytes) -> None:
        await self._connection.send(events.audio_delta(response, item, pcm))

    async def end_answer(
        self, response: str, item: str, status: str = "completed", **details: str
    ) -> None:
        await self._connection.send(
            events.audio_done(response, item), events.response_done(response, status, **details)
        )

    @property
    def heard_ms(self) -> int:
        """Position in the audio of the session."""
        return samples_to_ms(len(self.heard) // SAMPLE_BYTES)

    async def speech_started(self, item: str = "user", start_ms: int | None = None) -> int:
        """Report that the user speaks; return when it was sent, ``time.monotonic_ns``.

        :param start_ms: where the turn begins; by default where the audio ends at present.
        """
        start_ms = self.heard_ms if start_ms is None else start_ms
        sent_at_ns = time.monotonic_ns()
        await self.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item)
        return sent_at_ns

    async def speech_stopped(self, item: str = "user", end_ms: int | None = None) -> int:
        """Report that the user's turn is over, and take it; return where it ends, in ms."""
        end_ms = self.heard_ms if end_ms is None else end_ms
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item)
        await self.send("input_audio_buffer.committed", item_id=item)
        return end_ms

    async def read(self) -> None:
        """Collect the client's events until it leaves."""
        async for arrived_at_ns, event in self._connection.received():
            async with self.changed:
                if event["type"] == "input_audio_buffer.append":
                    self.heard += base64.b64decode(event["audio"])
                    self.arrivals.append((arrived_at_ns, len(self.heard)))
                else:
                    if event["type"] == "input_audio_buffer.commit":
                        event["heard_bytes"] = len(self.heard)
                    self.received.append(event)
                self.changed.notify_all()


Script = Callable[[ScriptedSession], Awaitable[None]]

T = TypeVar("T")


async def answer(
    session: ScriptedSession, name: str, sound: Samples, *, created: bool = False
) -> int:
    """Send response `name` with one item at the speed of the real service, without its end.

    :returns: when the first delta was sent, ``time.monotonic_ns``.
    """
    if not created:
        await session.start_answer(name)
    pcm = sound.tobytes()
    first_ns = time.monotonic_ns()
    for start in range(0, len(pcm), DELTA_BYTES):
        delta = pcm[start : start + DELTA_BYTES]
        await session.say(name, f"item_{name}", delta)
        await asyncio.sleep(len(delta) / SAMPLE_BYTES / SAMPLE_RATE_HZ / SPEED)
    return first_ns


async def end_cancelled(session: ScriptedSession, name: str) -> None:
    """End response `name` as the service ends an interrupted one."""
    await session.end_answer(name, f"item_{name}", "cancelled", reason="turn_detected")


async def no_script(_session: ScriptedSession) -> None:
    """Do nothing: the caller steers the session itself through `ScriptedService.call`."""


class ScriptedService:
    """Runs `script` for every client on a free port of 127.0.0.1, in a thread of its own.

    :param narrow: see `local_listener`.
    """

    KEY = "a-key-for-scripts"

    def __init__(self, script: Script = no_script, *, narrow: bool = False) -> None:
        self._script = script
        self._narrow = narrow
        self._loop = LoopThread()
        self.sessions: list[ScriptedSession] = []
        self.failures: list[BaseException] = []
        self.refusal: Callable[[], web.HTTPException] | None = None
        """Makes what clients get instead of a session."""

    def __enter__(self) -> Self:
        self._opened = ExitStack()
        opening = local_listener(narrow=self._narrow)
        listener, self.endpoint = self._opened.enter_context(opening)
        self._server = serving(listener, self.KEY, self._converse, self._refuse)
        self._loop.__enter__()
        self.call(self._server.__aenter__())
        return self

    def __exit__(self, *exc: object) -> None:
        self.call(self._server.__aexit__(None, None, None))
        self._loop.__exit__(*exc)
        self._opened.close()
        if self.failures and exc[0] is None:
            raise self.failures[0]

    def call(self, step: Coroutine[Any, Any, T]) -> T:
        """Run `step` in the event loop of the sessions, and wait for its result."""
        return self._loop.call(step)

    def _refuse(self) -> web.HTTPException | None:
        return self.refusal() if self.refusal else None

    async def _converse(self, connection: ClientConnection) -> None:
        session = ScriptedSession(connection)
        self.sessions.append(session)
        script = asyncio.ensure_future(self._script(session))
        script.add_done_callback(self._note_failure)
        await session.read()
        script.cancel()

    def _note_failure(self, script: asyncio.Future[None]) -> None:
        if script.cancelled():
            return
        failure = script.exception()
        if failure is not None and not isinstance(failure, ConnectionError):  # the client has left
            self.failures.append(failure)
