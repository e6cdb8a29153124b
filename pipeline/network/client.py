"""The service on one side, rings and shared state on the other, the conversation between."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress

from azure.ai.voicelive.aio import ConnectionError as SdkConnectionError
from azure.ai.voicelive.aio import VoiceLiveConnection
from azure.ai.voicelive.models import FunctionCallOutputItem

from pipeline.config.settings import Settings
from pipeline.errors import AuthenticationError, EndpointError, PipelineError, ServiceClosedError
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.commands import Command, OfferTools, ToolOutput, ToolSchema
from pipeline.ipc.reports import Connecting, EventRead, Finished, Notice, SessionReady
from pipeline.network.actions import (
    Action,
    AddMessage,
    CreateResponse,
    DeleteItem,
    EndItem,
    Interrupt,
    QueueAudio,
    SendToolResult,
    Truncate,
)
from pipeline.network.backoff import ReconnectBackoff
from pipeline.network.connection import closed, given_up, host_of, next_message, open_connection
from pipeline.network.conversation import Conversation
from pipeline.network.decode import UnreadableError, read
from pipeline.network.downlink import Downlink
from pipeline.network.events import Event, ServiceError, SessionCreated, SessionUpdated
from pipeline.network.session import build_session, message_item
from pipeline.network.uplink import Uplink
from pipeline.shm.state import Position, SharedState


class Client:
    """A conversation with the service, in one session or, where that breaks off, in several."""

    TICK_S = 0.01
    """How often playback's words are looked at while something sounds. Only truncation and display
    wait for it; the sound never does."""

    IDLE_TICK_S = 0.05

    SETTLED_S = 2.0
    """Calm after which a recorded input counts as answered; longer than endpointing takes."""

    UNANSWERED_S = 20.0
    """Silence of the service after which nothing more is expected of it."""

    def __init__(
        self,
        settings: Settings,
        link: SupervisorLink,
        state: SharedState,
        uplink: Uplink,
        downlink: Downlink,
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._settings = settings
        self._link = link
        self._state = state
        self._uplink = uplink
        self._downlink = downlink
        self._conversation = Conversation(interrupt_response=settings.interrupt_response)
        self._connection: VoiceLiveConnection | None = None
        self._offered: asyncio.Future[tuple[ToolSchema, ...]] = loop.create_future()
        self._session_id = ""
        self._session_ready = False
        self._settled_generation = 0
        self._lost_samples_told = 0
        self._last_event_s = time.monotonic()
        self._busy_s = time.monotonic()

    @property
    def pause_s(self) -> float:
        """How long to wait before the next `tick`."""
        return self.IDLE_TICK_S if self._conversation.idle else self.TICK_S

    async def run(self) -> None:
        """Pass events and frames on, in session after session, until cancelled.

        :raises AuthenticationError, EndpointError: the first session did not come about.
        :raises ServiceClosedError: a session ended and no other came about in time.
        """
        backoff = ReconnectBackoff(self._settings.reconnect_s)
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await self._hold_session(stack, backoff)
            except (ServiceClosedError, EndpointError, AuthenticationError) as error:
                if not self._state.network.ready.load():
                    raise
                await self._wait_to_reconnect(error, backoff)

    async def _hold_session(self, stack: AsyncExitStack, backoff: ReconnectBackoff) -> None:
        settings = self._settings
        where = "the built-in offline service" if settings.offline else host_of(settings)
        self._link.report(Connecting(where))
        self._connection = connection = await open_connection(settings, stack)
        stack.callback(self._disconnected)
        tools = await self._offered if settings.tools else ()
        try:
            await connection.session.update(session=build_session(settings, tools))
        except SdkConnectionError as error:
            raise closed() from error
        while True:
            event = await self._next_event(connection)
            await self._receive(event)
            if isinstance(event, SessionUpdated) and not self._session_ready:
                backoff.connected(time.monotonic())
                await self._begin()
                sending = asyncio.create_task(self._uplink.run(connection))
                stack.push_async_callback(_cancel, sending)

    async def _begin(self) -> None:
        """The session is as we want it: the microphone may speak."""
        settings = self._settings
        self._session_ready = True
        self._state.network.ready.store(1)
        self._link.report(SessionReady(self._session_id, settings.model, settings.voice))
        await self._perform(self._conversation.session_resumed())

    def _disconnected(self) -> None:
        self._connection = None
        self._session_ready = False

    async def _wait_to_reconnect(self, error: PipelineError, backoff: ReconnectBackoff) -> None:
        """:raises ServiceClosedError: it has been tried for long enough."""
        await self._perform(self._conversation.session_lost())
        delay_s = backoff.next_delay_s(time.monotonic())
        if delay_s is None:
            raise given_up(error, self._settings.reconnect_s)
        self._link.report(Notice(f"{error} Trying again."))
        await asyncio.sleep(delay_s)

    async def handle_command(self, command: Command) -> None:
        """Carry out what the supervisor says."""
        match command:
            case OfferTools(tools):
                self._offered.set_result(tools)
            case ToolOutput(call_id, output):
                await self._perform(self._conversation.tool_returned(call_id, output))

    async def tick(self) -> None:
        """Look at what playback did, publish waiting frames, and notice a finished input."""
        self._state.network.heartbeat_ns.store(time.monotonic_ns())
        self._downlink.pump()
        self._tell_lost_samples()
        await self._perform(self._playback_news())
        await self._perform(self._conversation.tick(time.monotonic()))
        if self._input_answered():
            self._link.report(Finished())

    async def _next_event(self, connection: VoiceLiveConnection) -> Event:
        while True:
            message = await next_message(connection)
            read_at_ns = time.monotonic_ns()
            try:
                kind, event = read(message)
            except UnreadableError as error:
                self._link.report(Notice(f"The service sent something unreadable: {error}"))
                continue
            self._last_event_s = time.monotonic()
            if self._settings.verbose:
                self._link.report(EventRead(kind, read_at_ns))
            return event

    async def _receive(self, event: Event) -> None:
        match event:
            case SessionCreated(session_id):
                self._session_id = session_id
            case ServiceError(code, message) if not (event.benign or self._session_ready):
                raise EndpointError(f"The service refused the session ({code}): {message}")
        await self._perform(self._conversation.receive(event))
        # Events that arrived together would be handled without a pause, and the microphone
        # would wait for the end of the burst.
        await asyncio.sleep(0)

    async def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Interrupt(generation):
                    # barge-in: playback loads this word in every device period.
                    self._state.network.generation.store(generation)
                    self._downlink.drop_older(generation)
                case QueueAudio() | EndItem():
                    self._downlink.put(action)
                case Truncate() | DeleteItem() | SendToolResult() | CreateResponse() | AddMessage():
                    await self._tell_service(action)
                case _:
                    self._link.report(action)

    async def _tell_service(
        self, action: Truncate | DeleteItem | SendToolResult | CreateResponse | AddMessage
    ) -> None:
        if self._connection is None:
            return
        item = self._connection.conversation.item
        with suppress(SdkConnectionError):  # closed meanwhile: the receiving side says so
            match action:
                case Truncate(item_id, audio_end_ms):
                    await item.truncate(item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)
                case DeleteItem(item_id):
                    await item.delete(item_id=item_id)
                case SendToolResult(call_id, output):
                    await item.create(item=FunctionCallOutputItem(call_id=call_id, output=output))
                case CreateResponse():
                    if self._conversation.release(action):
                        await self._connection.response.create()
                case AddMessage(role, words):
                    await item.create(item=message_item(role, words))

    def _playback_news(self) -> list[Action]:
        conversation, playback = self._conversation, self._state.playback
        if self._settled_generation != conversation.generation:
            cut = self._state.latest_cut()
            if cut is None or cut.generation != conversation.generation:
                return []  # positions are read only once the cut between them is settled
            self._settled_generation = cut.generation
            return conversation.cut_settled(cut.generation, *cut.heard)
        return conversation.heard(*Position.unpacked(playback.heard.load()))

    def _tell_lost_samples(self) -> None:
        lost = self._downlink.lost_samples
        if lost and not self._lost_samples_told:
            self._link.report(
                Notice(
                    "The answer is over half an hour ahead of the loudspeaker: the rest is lost."
                )
            )
        self._lost_samples_told = lost

    def _input_answered(self) -> bool:
        """Whether a recorded input is over and the calm after it has lasted long enough."""
        now_s = time.monotonic()
        ended = self._state.capture.ended.load() == 1 and self._uplink.drained
        away = self._connection is None
        if (
            away
            or not ended
            or (not self._conversation.idle and not self._service_is_silent(now_s))
        ):
            self._busy_s = now_s
        return now_s - self._busy_s > self.SETTLED_S

    def _service_is_silent(self, now_s: float) -> bool:
        heard = Position.unpacked(self._state.playback.heard.load())
        handed = Position.unpacked(self._state.playback.handed.load())
        return heard == handed and now_s - self._last_event_s > self.UNANSWERED_S


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
