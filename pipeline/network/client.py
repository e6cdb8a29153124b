"""The service on one side, rings and shared state on the other, the conversation between."""

import asyncio
import time
from collections.abc import Sequence

from pipeline.config.settings import Settings
from pipeline.errors import AuthenticationError, EndpointError, PipelineError, ServiceClosedError
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.commands import Command, OfferTools, ToolOutput, ToolSchema
from pipeline.ipc.reports import Connecting, EventRead, Finished, Notice, SessionReady, Trace
from pipeline.network.actions import Action, Interrupt, ServiceAction, SoundAction
from pipeline.network.backoff import ReconnectBackoff
from pipeline.network.connection import given_up, host_of, open_connection
from pipeline.network.conversation import Conversation
from pipeline.network.decode import UnreadableError, read
from pipeline.network.downlink import Downlink
from pipeline.network.input_end import InputEnd
from pipeline.network.live_session import LiveSession
from pipeline.network.session import build_session
from pipeline.network.session_limit import QUIET_S, Moment, SessionLimit
from pipeline.network.sessions import Sessions
from pipeline.network.uplink import Uplink
from pipeline.pcm import NS_PER_S
from pipeline.shm.state import Position, SharedState

_SESSION_ENDS = (ServiceClosedError, EndpointError, AuthenticationError)


class Client:
    """A conversation with the service, in one session or in several if sessions break off.

    Only `run` waits. `tick` and `handle_command` return at once, as does everything between a
    message of the service and its effect on the sound.
    """

    TICK_S = 0.02
    """How often playback's words are looked at while something sounds. Only truncation and display
    wait for it; the sound never does."""

    IDLE_TICK_S = 0.1

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
        self._backoff = ReconnectBackoff(settings.reconnect_s)
        self._input_end = InputEnd(state, uplink, time.monotonic())
        self._sessions = Sessions(self._new_session, self._hold_session)
        self._limit = SessionLimit(settings.session_minutes * 60)
        self._idle_since_s: float | None = None
        self._offered: asyncio.Future[tuple[ToolSchema, ...]] = loop.create_future()
        self._settled_generation = 0
        self._lost_samples_reported = False

    @property
    def pause_s(self) -> float:
        """How long to wait before the next `tick`."""
        return self.IDLE_TICK_S if self._conversation.idle else self.TICK_S

    async def run(self) -> None:
        """Pass events and frames on, in session after session, until cancelled.

        :raises AuthenticationError, EndpointError: the first session could not be opened.
        :raises ServiceClosedError: a session ended and no other could be opened in time.
        """
        sessions = self._sessions
        try:
            sessions.open()
            while True:
                error, was_current = await sessions.next_end()
                if not isinstance(error, _SESSION_ENDS) or not self._state.network.ready.load():
                    raise error
                if was_current:
                    await self._session_lost(error)
                elif sessions.current is not None:
                    self._link.report(Trace(f"the next session is not open yet: {error}"))
                    self._limit.failed(time.monotonic())
                else:
                    await self._reconnect(error)
        finally:
            await sessions.close()

    def _new_session(self) -> LiveSession:
        return LiveSession(self._uplink, self._on_message, self._conversation.release)

    async def _hold_session(self, session: LiveSession) -> None:
        settings = self._settings
        if self._sessions.current is None:
            where = "the built-in offline service" if settings.offline else host_of(settings)
            self._link.report(Connecting(where))
        async with open_connection(settings) as connection:
            tools = await asyncio.shield(self._offered) if settings.tools else ()
            await session.run(connection, build_session(settings, tools))

    async def _session_lost(self, error: PipelineError) -> None:
        """Go on in the session that is coming, or open another."""
        heard_again = self._uplink.end_session()
        self._perform(self._conversation.session_lost(heard_again=heard_again))
        coming = self._sessions.coming
        if coming is None:
            await self._reconnect(error)
        elif coming.ready:
            self._take_over()

    async def _reconnect(self, error: PipelineError) -> None:
        """:raises ServiceClosedError: reconnecting was tried for long enough."""
        delay_s = self._backoff.next_delay_s(time.monotonic())
        if delay_s is None:
            raise given_up(error, self._settings.reconnect_s)
        self._link.report(Notice(f"{error} Trying again."))
        await asyncio.sleep(delay_s)
        self._sessions.open()

    def handle_command(self, command: Command) -> None:
        """Carry out a command of the supervisor."""
        match command:
            case OfferTools(tools):
                self._offered.set_result(tools)
            case ToolOutput(call_id, output):
                self._perform(self._conversation.tool_returned(call_id, output))

    def tick(self) -> None:
        """Look at what playback did, publish waiting frames, and notice a finished input."""
        now_ns = time.monotonic_ns()
        now_s = now_ns / NS_PER_S
        self._state.network.heartbeat_ns.store(now_ns)
        self._downlink.pump()
        self._report_lost_samples()
        self._perform([*self._playback_changes(), *self._conversation.tick(now_s)])
        self._uplink.tick(now_s)
        self._renew_session(now_s)
        connected = self._sessions.current is not None
        if self._input_end.reached(now_s, connected=connected, idle=self._conversation.idle):
            self._link.report(Finished())

    def _renew_session(self, now_s: float) -> None:
        """Open the next session before this one's limit; let it take over when that is harmless."""
        if not self._conversation.idle:
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = now_s
        sessions = self._sessions
        if sessions.current is None or not self._limit.prepare_due(now_s):
            return
        moment = Moment(now_s, self._idle_since_s, self._conversation.between_answers)
        if sessions.coming is None:
            sessions.open()
        elif sessions.coming.ready and self._limit.change_due(moment):
            self._change_session(moment)

    def _change_session(self, moment: Moment) -> None:
        if moment.quiet:
            self._uplink.end_quiet_session(moment.now_s - QUIET_S)
            heard_again = False
        else:
            heard_again = self._uplink.end_session()
        self._perform(self._conversation.session_lost(heard_again=heard_again, planned=True))
        self._take_over(planned=True)

    def _take_over(self, *, planned: bool = False) -> None:
        """The session that is coming becomes the current one."""
        settings, now_s = self._settings, time.monotonic()
        session = self._sessions.take_over()
        self._limit.began(now_s, session.expires_in_s)
        self._backoff.connected(now_s)
        self._state.network.ready.store(1)
        if planned:
            self._link.report(Trace(f"session {session.session_id} takes over before the limit"))
        else:
            self._link.report(SessionReady(session.session_id, settings.model, settings.voice))
        self._perform(self._conversation.session_resumed())

    def _on_message(self, session: LiveSession, message: bytes) -> None:
        read_at_ns = time.monotonic_ns()
        try:
            kind, event = read(message)
        except UnreadableError as error:
            self._link.report(Notice(f"The service sent something unreadable: {error}"))
            return
        session.set_up(event)
        event_read = EventRead(kind, read_at_ns) if self._settings.verbose else None
        if session is self._sessions.current:
            self._perform(self._conversation.receive(event), event_read)
            now_s = read_at_ns / NS_PER_S
            self._uplink.receive(event, now_s)
            self._input_end.event_received(now_s)
            return
        if event_read is not None:
            self._link.report(event_read)
        if session.ready and session is self._sessions.coming and self._sessions.current is None:
            self._take_over()

    def _perform(self, actions: Sequence[Action], cause: EventRead | None = None) -> None:
        """Carry out actions without waiting: first those that the sound needs.

        :param cause: reported before other reports, so that a log shows it before its effects.
        """
        for action in actions:
            if isinstance(action, SoundAction):
                self._sound(action)
        if cause is not None:
            self._link.report(cause)
        for action in actions:
            if isinstance(action, ServiceAction):
                if self._sessions.current is not None:
                    self._sessions.current.send(action)
            elif not isinstance(action, SoundAction):
                self._link.report(action)

    def _sound(self, action: SoundAction) -> None:
        if isinstance(action, Interrupt):
            # barge-in: playback loads this word in every device period.
            self._state.network.generation.store(action.generation)
            self._downlink.drop_older(action.generation)
        else:
            self._downlink.put(action)

    def _playback_changes(self) -> list[Action]:
        conversation, playback = self._conversation, self._state.playback
        if self._settled_generation != conversation.generation:
            cut = self._state.latest_cut()
            if cut is None or cut.generation != conversation.generation:
                return []  # positions are read only once the cut between them is settled
            self._settled_generation = cut.generation
            return conversation.cut_settled(cut.generation, *cut.heard)
        return conversation.heard(*Position.unpacked(playback.heard.load()))

    def _report_lost_samples(self) -> None:
        """Report the first loss."""
        if self._downlink.lost_samples and not self._lost_samples_reported:
            self._lost_samples_reported = True
            self._link.report(
                Notice(
                    "The answer is over half an hour ahead of the loudspeaker: the rest is lost."
                )
            )
