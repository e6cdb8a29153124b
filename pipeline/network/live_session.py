"""One session with the service. Its tasks begin and end together.

service ──▶ receiver ──▶ on_message        never waits for those below
service ◀── sender ◀──── outbox
service ◀── microphone ◀ capture ring
service ◀── heartbeat                      pings, and answers the service's
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn

from azure.ai.voicelive.aio import VoiceLiveConnection
from azure.ai.voicelive.models import RequestSession

from pipeline.errors import PipelineError, ServiceClosedError
from pipeline.network.actions import CreateResponse, ServiceAction
from pipeline.network.closings import closed
from pipeline.network.connection import SendGate, next_message
from pipeline.network.heartbeat import Heartbeat
from pipeline.network.outbox import Outbox
from pipeline.network.setup import SetUp, Stage
from pipeline.network.uplink import Uplink


class LiveSession:
    """Everything that passes over one connection.

    :param on_message: takes each message of the service, and must not wait for anything.
    :param release: see `Outbox`.
    :param setup: the set-up of which this session is the end.
    :ivar ready: whether the service has accepted the settings: the microphone may be sent.
    """

    def __init__(
        self,
        connection: VoiceLiveConnection,
        uplink: Uplink,
        on_message: Callable[[bytes], None],
        release: Callable[[CreateResponse], bool],
        setup: SetUp,
    ) -> None:
        self._connection = connection
        self._setup = setup
        self._uplink = uplink
        self._on_message = on_message
        self._outbox = Outbox(release)
        self._gate = SendGate()
        self._heartbeat = Heartbeat()
        self._ready = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    def created(self) -> None:
        """The service has opened the session; it has still to accept the settings."""
        self._setup.stage = Stage.SETTINGS

    def begin(self) -> None:
        """The service has accepted the settings: let the microphone speak."""
        self._ready.set()

    def send(self, message: ServiceAction) -> None:
        """Queue a message to the service."""
        self._outbox.put(message)

    async def run(self, wanted: RequestSession) -> NoReturn:
        """Ask for the session that is `wanted`, then receive and send until it ends.

        :raises ServiceClosedError: the connection is closed, or too many messages wait.
        :raises EndpointError: the service has not accepted the settings in time.
        :raises Exception: what `on_message` or one of the tasks raised.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._receive, partial(self._send, wanted), self._speak, self._ping):
                    tasks.create_task(_until_it_ends(work))
                # Waits here, not in a task of its own: in Python 3.11 the group takes back its own
                # cancellation of this task only if that arrives inside the block.
                await self._outbox.wait_overflow()
        except ExceptionGroup as failures:
            if _being_cancelled():  # Python 3.11 would drop the cancellation for a failure
                raise asyncio.CancelledError from failures
            raise cause_of(failures) from failures

    async def _receive(self) -> NoReturn:
        while True:
            self._on_message(await next_message(self._connection, self._heartbeat.answer))
            # Events that arrived together would be handled without a pause, and the microphone
            # would wait for the end of the burst.
            await asyncio.sleep(0)

    async def _send(self, wanted: RequestSession) -> NoReturn:
        async with self._gate.turn():
            await self._connection.session.update(session=wanted)
        await self._outbox.run(self._connection, self._gate)

    async def _speak(self) -> NoReturn:
        async with self._setup.limited():
            await self._ready.wait()
        await self._uplink.run(self._connection, self._gate)

    async def _ping(self) -> NoReturn:
        await self._heartbeat.run(self._connection, self._gate)


async def _until_it_ends(work: Callable[[], Coroutine[Any, Any, NoReturn]]) -> None:
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
