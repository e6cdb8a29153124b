"""One session with the service. Its tasks begin and end together.

service ──▶ receiver ──▶ on_message        never waits for those below
service ◀── sender ◀──── outbox
service ◀── microphone ◀ capture ring
service ◀── heartbeat                      pings, and answers the service's
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn

from azure.ai.voicelive.aio import VoiceLiveConnection
from azure.ai.voicelive.models import RequestSession

from pipeline.errors import EndpointError, PipelineError, ServiceClosedError
from pipeline.network.actions import CreateResponse, ServiceAction
from pipeline.network.closings import closed
from pipeline.network.connection import SendGate, next_message
from pipeline.network.events import Event, ServiceError, SessionCreated, SessionUpdated
from pipeline.network.heartbeat import Heartbeat, pinged_at_s
from pipeline.network.outbox import Outbox
from pipeline.network.setup import SetUp, Stage
from pipeline.network.uplink import Uplink


class LiveSession:
    """Everything that passes over one connection.

    A session is first set up as the settings want it; then it is `ready`. It hears the microphone
    from the moment at which it takes over.

    :param on_message: takes each message of the service, and must not wait for anything.
    :param release: see `Outbox`.
    :param setup: the set-up of which this session is the end.
    :ivar session_id: the service's name for it.
    :ivar ready: whether the service has accepted the settings.
    """

    def __init__(
        self,
        uplink: Uplink,
        on_message: Callable[["LiveSession", bytes], None],
        release: Callable[[CreateResponse], bool],
        setup: SetUp,
    ) -> None:
        self.setup = setup
        self._uplink = uplink
        self._on_message = on_message
        self._outbox = Outbox(release)
        self._gate = SendGate()
        self._heartbeat = Heartbeat()
        self._ready = asyncio.Event()
        self._current = asyncio.Event()
        self._expires_at_s: float | None = None
        self.session_id = ""

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def expires_in_s(self) -> float | None:
        """Time until the service ends the session; None if it did not say."""
        return None if self._expires_at_s is None else self._expires_at_s - time.time()

    def set_up(self, event: Event) -> None:
        """Note what the service says about the session itself.

        :raises EndpointError: an error came instead of the session.
        """
        match event:
            case SessionCreated(session_id, expires_at_s):
                self.session_id = session_id
                self._expires_at_s = expires_at_s
                self.setup.stage = Stage.SETTINGS
            case SessionUpdated(expires_at_s):
                self._expires_at_s = expires_at_s or self._expires_at_s
                self._ready.set()
            case ServiceError(code, message) if not (event.benign or self.ready):
                raise EndpointError(f"The service refused the session ({code}): {message}")

    def take_over(self) -> None:
        """Let the microphone speak to this session."""
        self._current.set()

    def send(self, message: ServiceAction) -> None:
        """Queue a message to the service."""
        self._outbox.put(message)

    async def run(self, connection: VoiceLiveConnection, wanted: RequestSession) -> None:
        """Ask for the session that is `wanted`, then receive and send until it ends.

        :raises ServiceClosedError: the connection is closed, or too many messages wait.
        :raises EndpointError: the service has not accepted the settings in time.
        :raises Exception: what `on_message` or one of the tasks raised.
        """
        work = (
            partial(self._receive, connection),
            partial(self._send, connection, wanted),
            partial(self._speak, connection),
            partial(self._heartbeat.run, connection, self._gate),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                for each in work:
                    tasks.create_task(_until_it_ends(each))
                # Waits here, not in a task of its own: in Python 3.11 the group takes back its own
                # cancellation of this task only if that arrives inside the block.
                await self._outbox.wait_overflow()
        except ExceptionGroup as failures:
            if _being_cancelled():  # Python 3.11 would drop the cancellation for a failure
                raise asyncio.CancelledError from failures
            raise cause_of(failures) from failures

    async def _receive(self, connection: VoiceLiveConnection) -> NoReturn:
        while True:
            message = await next_message(connection, self._heartbeat.answer, self._on_pong)
            self._on_message(self, message)
            # Events that arrived together would be handled without a pause, and the microphone
            # would wait for the end of the burst.
            await asyncio.sleep(0)

    def _on_pong(self, pong: bytes) -> None:
        pinged_s = pinged_at_s(pong)
        if pinged_s is not None and self._current.is_set():
            self._uplink.answered(pinged_s)

    async def _send(self, connection: VoiceLiveConnection, wanted: RequestSession) -> NoReturn:
        async with self._gate.turn():
            await connection.session.update(session=wanted)
        await self._outbox.run(connection, self._gate)

    async def _speak(self, connection: VoiceLiveConnection) -> None:
        async with self.setup.limited():
            await self._ready.wait()
        await self._current.wait()
        # The service takes what comes first for what was said first: the history, then the user.
        await self._outbox.wait_sent()
        await self._uplink.run(connection, self._gate)


async def _until_it_ends(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Turn a cancellation that the session did not ask for into a failure.

    A task group takes any cancellation for an end without a failure. aiohttp can cancel a send by
    itself: the send waits for the same future as aiohttp's ping, and a ping that is given up
    cancels that future.
    """
    try:
        await work()
    except asyncio.CancelledError:
        if _being_cancelled():
            raise
        raise closed() from None


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def cause_of(failures: ExceptionGroup[Exception]) -> Exception:
    """Return the failure that explains the others, which share its connection.

    An unexpected one comes first, a closed connection last.
    """
    return min(_leaves(failures), key=_rank)


def _leaves(failures: ExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for failure in failures.exceptions:
        found += _leaves(failure) if isinstance(failure, ExceptionGroup) else [failure]
    return found


def _rank(failure: Exception) -> int:
    if not isinstance(failure, PipelineError):
        return 0
    return 2 if isinstance(failure, ServiceClosedError) else 1
