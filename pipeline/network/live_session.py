"""One session with the service: its receiver, its sender and its microphone live and die together.

service ──▶ receiver ──▶ on_message        never waits for the two below
service ◀── sender ◀──── outbox
service ◀── microphone ◀ capture ring
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn

from azure.ai.voicelive.aio import VoiceLiveConnection
from azure.ai.voicelive.models import RequestSession

from pipeline.errors import PipelineError, ServiceClosedError
from pipeline.network.actions import CreateResponse, ServiceAction
from pipeline.network.connection import SendGate, closed, next_message
from pipeline.network.outbox import Outbox
from pipeline.network.uplink import Uplink


class LiveSession:
    """What passes over one connection.

    :param on_message: takes each message of the service, and returns soon.
    :param release: see `Outbox`.
    :ivar ready: whether the service has accepted the settings: the microphone may be sent.
    """

    def __init__(
        self,
        connection: VoiceLiveConnection,
        uplink: Uplink,
        on_message: Callable[[bytes], None],
        release: Callable[[CreateResponse], bool],
    ) -> None:
        self._connection = connection
        self._uplink = uplink
        self._on_message = on_message
        self._outbox = Outbox(release)
        self._gate = SendGate()
        self._ready = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    def begin(self) -> None:
        """The service has accepted the settings: let the microphone speak."""
        self._ready.set()

    def send(self, message: ServiceAction) -> None:
        """Queue a message to the service."""
        self._outbox.put(message)

    async def run(self, wanted: RequestSession) -> NoReturn:
        """Ask for the session that is `wanted`, and pass on what comes and goes until it ends.

        :raises PipelineError: how it ended: `ServiceClosedError`, or what `on_message` raised.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._receive, partial(self._send, wanted), self._speak):
                    tasks.create_task(_until_it_ends(work))
                # Something to wait for here: in Python 3.11 the group counts its own cancellation
                # of this task as somebody else's, unless that happens inside the block.
                await self._outbox.wait_overflow()
        except ExceptionGroup as failures:
            if _being_cancelled():  # Python 3.11 would drop the cancellation for a failure
                raise asyncio.CancelledError from failures
            raise cause_of(failures) from failures

    async def _receive(self) -> NoReturn:
        while True:
            self._on_message(await next_message(self._connection))
            # Events that arrived together would be handled without a pause, and the microphone
            # would wait for the end of the burst.
            await asyncio.sleep(0)

    async def _send(self, wanted: RequestSession) -> NoReturn:
        async with self._gate.turn():
            await self._connection.session.update(session=wanted)
        await self._outbox.run(self._connection, self._gate)

    async def _speak(self) -> NoReturn:
        await self._ready.wait()
        await self._uplink.run(self._connection, self._gate)


async def _until_it_ends(work: Callable[[], Coroutine[Any, Any, NoReturn]]) -> None:
    """Make a failure of a cancellation that was not asked for.

    A task group takes a cancellation for an end without a failure, but aiohttp can cancel a send
    by itself: one that waits together with its own ping, when that is given up.
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
    """The failure that says most: an unexpected one, or else what is not just a closed connection.

    The others follow from it: all tasks use one connection.
    """
    leaves = list(_leaves(failures))
    return min(leaves, key=_rank)


def _leaves(failures: ExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for failure in failures.exceptions:
        found += _leaves(failure) if isinstance(failure, ExceptionGroup) else [failure]
    return found


def _rank(failure: Exception) -> int:
    if not isinstance(failure, PipelineError):
        return 0
    return 2 if isinstance(failure, ServiceClosedError) else 1
