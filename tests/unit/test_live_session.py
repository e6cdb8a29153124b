"""Receiver, sender and microphone end together, and the first failure is reported."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Self

import pytest
from aiohttp import WSMessage, WSMsgType
from azure.ai.voicelive.aio import ConversationResource, ResponseResource, SessionResource
from azure.ai.voicelive.models import RequestSession

from pipeline.errors import EndpointError, ServiceClosedError
from pipeline.network.actions import CreateResponse, Truncate
from pipeline.network.events import ServiceError, SessionCreated, SessionUpdated
from pipeline.network.live_session import LiveSession, cause_of
from pipeline.network.outbox import Outbox
from pipeline.network.setup import SetUp


class Connection:
    """Takes everything while it is `open`, and brings what is put into `incoming`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.session = SessionResource(self)  # type: ignore[arg-type]
        self.conversation = ConversationResource(self)  # type: ignore[arg-type]
        self.response = ResponseResource(self)  # type: ignore[arg-type]
        self.sending: asyncio.Task[None] | None = None
        self.pings = 0
        self.pongs: list[bytes] = []

    async def send(self, event: Any) -> None:
        self.sent.append(event.as_dict()["type"])
        if not self.open.is_set():
            self.sending = asyncio.create_task(self._wait_open())
            await self.sending

    async def _wait_open(self) -> None:
        await self.open.wait()

    @property
    def _connection(self) -> Self:
        return self

    async def receive(self) -> WSMessage:
        """Bring what is `incoming`; a close frame if it is empty."""
        if message := await self.incoming.get():
            return WSMessage(WSMsgType.TEXT, message.decode(), "")
        return WSMessage(WSMsgType.CLOSE, 1011, "no more")

    def exception(self) -> None:
        return None

    async def ping(self, _payload: bytes) -> None:
        self.pings += 1

    async def pong(self, payload: bytes) -> None:
        self.pongs.append(payload)


class Microphone:
    """An uplink that only shows whether it runs."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.answered_s: list[float] = []
        self.failure: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()

    def answered(self, pinged_s: float) -> None:
        self.answered_s.append(pinged_s)

    async def run(self, _connection: object, _gate: object) -> NoReturn:
        self.running.set()
        await self.failure
        raise AssertionError


class Rig:
    def __init__(self) -> None:
        self.connection = Connection()
        self.microphone = Microphone()
        self.messages: list[bytes] = []
        self.raises: Exception | None = None
        self.session = LiveSession(
            self.microphone,  # type: ignore[arg-type]
            self._on_message,
            lambda _: True,
            SetUp("service", 60),
        )
        connection: Any = self.connection
        self.run = asyncio.create_task(self.session.run(connection, RequestSession()))

    def _on_message(self, session: LiveSession, message: bytes) -> None:
        assert session is self.session
        self.messages.append(message)
        if self.raises is not None:
            raise self.raises

    async def wait_sent(self, count: int) -> None:
        while len(self.connection.sent) < count:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0)


def with_rig(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        rig = Rig()
        try:
            async with asyncio.timeout(60):
                await test(rig)
        finally:
            rig.run.cancel()
            await asyncio.wait({rig.run})
            assert asyncio.all_tasks() == {asyncio.current_task()}, "no task survives the session"

    asyncio.run(run())


def test_the_settings_go_first_and_the_microphone_waits_until_the_session_takes_over() -> None:
    async def test(rig: Rig) -> None:
        rig.session.send(Truncate("i1", 1))
        await rig.wait_sent(2)
        assert rig.connection.sent == ["session.update", "conversation.item.truncate"]
        assert not rig.session.ready
        rig.session.set_up(SessionUpdated())
        assert rig.session.ready
        await asyncio.sleep(0)
        assert not rig.microphone.running.is_set()
        rig.session.take_over()
        await rig.microphone.running.wait()

    with_rig(test)


def test_the_microphone_waits_until_the_history_was_sent() -> None:
    async def test(rig: Rig) -> None:
        await rig.wait_sent(1)
        rig.session.set_up(SessionUpdated())
        rig.connection.open.clear()
        rig.session.take_over()
        for number in range(3):
            rig.session.send(Truncate(f"i{number}", 1))
        await rig.wait_sent(2)
        assert not rig.microphone.running.is_set()
        rig.connection.open.set()
        await rig.microphone.running.wait()
        assert len(rig.connection.sent) == 4

    with_rig(test)


def test_an_error_instead_of_a_session_is_a_refusal() -> None:
    async def test(rig: Rig) -> None:
        error = ServiceError("DeploymentNotFound", "No such model.")
        with pytest.raises(EndpointError, match=r"\(DeploymentNotFound\): No such model\."):
            rig.session.set_up(error)
        rig.session.set_up(SessionUpdated())
        rig.session.set_up(error)

    with_rig(test)


def test_the_service_says_when_it_ends_the_session() -> None:
    async def test(rig: Rig) -> None:
        rig.session.set_up(SessionCreated("s1"))
        times_s = [rig.session.expires_in_s]
        for event in (
            SessionUpdated(time.time() + 100),
            SessionUpdated(),
            SessionUpdated(time.time() + 1_000),
        ):
            rig.session.set_up(event)
            times_s.append(rig.session.expires_in_s)
        assert times_s == [
            None,
            pytest.approx(100, abs=60),
            pytest.approx(100, abs=60),
            pytest.approx(1_000, abs=60),
        ]
        assert rig.session.session_id == "s1"

    with_rig(test)


def test_events_are_read_while_nothing_can_be_sent() -> None:
    async def test(rig: Rig) -> None:
        await rig.wait_sent(1)
        rig.connection.open.clear()
        rig.session.send(CreateResponse())
        await rig.wait_sent(2)
        for number in range(10):
            rig.connection.incoming.put_nowait(b"%d" % number)
        while len(rig.messages) < 10:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0)
        assert not rig.run.done()

    with_rig(test)


def test_the_end_of_the_connection_ends_the_session() -> None:
    async def test(rig: Rig) -> None:
        rig.connection.incoming.put_nowait(b"")
        with pytest.raises(ServiceClosedError, match='"no more"'):
            await rig.run

    with_rig(test)


def test_what_a_message_raises_ends_the_session() -> None:
    async def test(rig: Rig) -> None:
        rig.raises = EndpointError("refused")
        rig.connection.incoming.put_nowait(b"error")
        with pytest.raises(EndpointError, match="refused"):
            await rig.run

    with_rig(test)


def test_an_unexpected_failure_of_the_microphone_is_not_silent() -> None:
    async def test(rig: Rig) -> None:
        rig.session.set_up(SessionUpdated())
        rig.session.take_over()
        await rig.microphone.running.wait()
        rig.microphone.failure.set_exception(KeyError("a fault of our own"))
        with pytest.raises(KeyError):
            await rig.run

    with_rig(test)


def test_a_send_that_the_library_cancels_ends_the_session() -> None:
    """As aiohttp does when it gives up a ping that waits together with a send."""

    async def test(rig: Rig) -> None:
        await rig.wait_sent(1)
        rig.connection.open.clear()
        rig.session.send(Truncate("i1", 1))
        await rig.wait_sent(2)
        assert rig.connection.sending is not None
        rig.connection.sending.cancel()
        with pytest.raises(ServiceClosedError):
            await rig.run

    with_rig(test)


def test_too_many_messages_that_are_not_read_end_the_session() -> None:
    async def test(rig: Rig) -> None:
        rig.connection.open.clear()
        for _ in range(Outbox.MOST_WAITING + 2):
            rig.session.send(Truncate("i1", 1))
        with pytest.raises(ServiceClosedError, match="has not read"):
            await rig.run

    with_rig(test)


def test_a_stop_ends_it_while_a_send_is_blocked() -> None:
    async def test(rig: Rig) -> None:
        rig.connection.open.clear()
        rig.session.send(Truncate("i1", 1))
        await rig.wait_sent(1)
        rig.run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rig.run

    with_rig(test)


def test_a_stop_is_not_lost_when_the_connection_ends_at_the_same_time() -> None:
    async def test(rig: Rig) -> None:
        await rig.wait_sent(1)
        rig.raises = ServiceClosedError("closed")
        rig.connection.incoming.put_nowait(b"last")
        await asyncio.sleep(0)  # the receiver is about to run
        rig.run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rig.run

    with_rig(test)


def test_an_answered_ping_counts_from_when_it_was_sent() -> None:
    async def test(rig: Rig) -> None:
        stamp = (5 * 10**9).to_bytes(8)
        rig.session._on_pong(stamp)
        assert not rig.microphone.answered_s, "the microphone is not heard yet"
        rig.session.take_over()
        for payload in (b"", b"something", stamp):
            rig.session._on_pong(payload)
        assert rig.microphone.answered_s == [5.0]

    with_rig(test)


UNEXPECTED, CLOSED, REFUSED = KeyError("x"), ServiceClosedError("closed"), EndpointError("no")


@pytest.mark.parametrize(
    ("failures", "cause"),
    [
        ([CLOSED], CLOSED),
        ([CLOSED, REFUSED], REFUSED),
        ([CLOSED, REFUSED, UNEXPECTED], UNEXPECTED),
        ([CLOSED, ExceptionGroup("inner", [REFUSED])], REFUSED),
    ],
)
def test_the_failure_that_explains_the_others_is_raised(
    failures: list[Exception], cause: Exception
) -> None:
    assert cause_of(ExceptionGroup("all", failures)) is cause
