"""Keeps a session with the service: another one takes the place of each that ends.

first session ──▶ breaks off ──▶ pause ──▶ another one
              └─▶ nears its limit ──▶ the next one is opened ──▶ it takes over at a quiet moment
"""

import asyncio
import time
from dataclasses import replace
from typing import Protocol

from pipeline.config.settings import Settings
from pipeline.errors import (
    AuthenticationError,
    BusyError,
    EndpointError,
    PipelineError,
    RefusedError,
    ServiceClosedError,
    TokenError,
)
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.commands import ToolSchema, UpdateSession
from pipeline.ipc.events import Connecting, Notice, SessionReady, Trace
from pipeline.network.actions import ChangeSession, CreateResponse, ServiceAction
from pipeline.network.backoff import ReconnectBackoff
from pipeline.network.connection import given_up, host_of, open_connection
from pipeline.network.live_session import LiveSession
from pipeline.network.session import build_session
from pipeline.network.session_limit import QUIET_S, Moment, SessionLimit
from pipeline.network.sessions import Sessions
from pipeline.network.setup import SetUp
from pipeline.network.uplink import Uplink
from pipeline.pcm import NS_PER_S
from pipeline.shm.fields import NetworkFields

_NO_SESSION = (ServiceClosedError, EndpointError, AuthenticationError, TokenError, BusyError)


class SessionUser(Protocol):
    """Who speaks in the sessions. No method waits."""

    def on_message(self, session: LiveSession, message: bytes) -> None:
        """A session has received a message of the service."""

    def release(self, request: CreateResponse) -> bool:
        """Whether `request` is still due at the moment of sending."""

    def session_lost(self, *, heard_again: bool, planned: bool) -> None:
        """The current session is gone. Parameters as for `handover.lose_session`."""

    def session_resumed(self) -> None:
        """Another session has taken over."""


class SessionKeeper:
    """Opens sessions, and replaces those that end or are about to. Only `run` waits.

    :param loop: where the sessions run.
    """

    def __init__(
        self,
        settings: Settings,
        link: SupervisorLink,
        words: NetworkFields,
        uplink: Uplink,
        user: SessionUser,
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._settings = settings
        self._link = link
        self._words = words
        self._uplink = uplink
        self._user = user
        self._tools: asyncio.Future[tuple[ToolSchema, ...]] = loop.create_future()
        self._sessions = Sessions(self._new_session, self._hold_session)
        self._backoff = ReconnectBackoff(settings.reconnect_s)
        self._limit = SessionLimit(settings.session_minutes * 60)
        words.session_ends_ns.store(0)  # of a process before this one

    @property
    def current(self) -> LiveSession | None:
        """The session that the conversation is held in."""
        return self._sessions.current

    @property
    def listened_to(self) -> LiveSession | None:
        """See `Sessions.listened_to`."""
        return self._sessions.listened_to

    async def run(self) -> None:
        """Hold session after session until cancelled.

        A service that is busy is waited for from the first session on.

        :raises AuthenticationError, EndpointError, TokenError: the first session could not be
            opened.
        :raises BusyError: it could not be opened in time.
        :raises ServiceClosedError: a session ended, and another one was refused or could not be
            opened in time.
        """
        sessions = self._sessions
        try:
            sessions.open()
            while True:
                error, was_current = await sessions.next_end()
                if not isinstance(error, _NO_SESSION):
                    raise error
                if was_current or sessions.current is None:
                    self._words.session_ends_ns.store(0)
                    heard_again = self._uplink.end_session()
                    self._user.session_lost(heard_again=heard_again, planned=False)
                await self._replace(error)
        finally:
            await sessions.close()

    def send(self, action: ServiceAction) -> None:
        """Send in the session that is listened to; without one, nothing is sent."""
        if (session := self.listened_to) is not None:
            session.send(action)

    def offer_tools(self, tools: tuple[ToolSchema, ...]) -> None:
        """Tell all sessions of the functions that the model can call; they wait for this."""
        self._tools.set_result(tools)

    def update(self, update: UpdateSession) -> None:
        """Change the sessions that are open, and those to come."""
        change = ChangeSession(update.instructions, update.voice)
        self._settings = replace(self._settings, **update.given)  # type: ignore[arg-type]  # texts
        for session in (self._sessions.current, self._sessions.coming):
            if session is not None:
                session.send(change)

    def answered(self) -> None:
        """The service has made an answer: what breaks off now is an outage of its own."""
        self._backoff.answered()

    def took_message(self, session: LiveSession) -> None:
        """Let `session` take over if it has just become ready and there is no other."""
        if session.ready and self._sessions.current is None:
            self._take_over()

    def renew(self, moment: Moment) -> None:
        """Open the next session before this one's limit; let it take over when it does no harm."""
        sessions = self._sessions
        if sessions.current is None or not self._limit.prepare_due(moment.now_s):
            return
        if sessions.coming is None:
            sessions.open()
        elif sessions.coming.ready and self._limit.change_due(moment):
            heard_again = self._uplink.end_session(moment.now_s - QUIET_S if moment.quiet else None)
            self._user.session_lost(heard_again=heard_again, planned=True)
            self._take_over(planned=True)

    def _new_session(self) -> LiveSession:
        setup = SetUp(host_of(self._settings), self._settings.connect_timeout_s)
        user = self._user
        return LiveSession(self._uplink, user.on_message, user.release, setup)

    async def _hold_session(self, session: LiveSession) -> None:
        settings = self._settings
        if self._sessions.current is None:
            where = "the built-in offline service" if settings.offline else host_of(settings)
            self._link.report(Connecting(where))
        async with open_connection(settings, session.setup) as connection:
            tools = await asyncio.shield(self._tools) if settings.tools else ()
            await session.run(connection, build_session(settings, tools))

    async def _replace(self, error: PipelineError) -> None:
        """Open another session, unless there is one: one has ended, or could not be opened."""
        sessions = self._sessions
        if sessions.current is not None:
            self._link.report(Trace(f"the next session is not open yet: {error}"))
            self._limit.failed(time.monotonic())
        elif sessions.coming is None:
            if not (self._words.ready.load() or isinstance(error, BusyError)):
                raise error
            await self._wait_to_reconnect(error)
            sessions.open()
        elif sessions.coming.ready:
            self._take_over()

    async def _wait_to_reconnect(self, error: PipelineError) -> None:
        """:raises ServiceClosedError: the session is refused, or was tried for long enough."""
        if isinstance(error, AuthenticationError | RefusedError):
            raise given_up(error)
        asked_s = error.retry_after_s if isinstance(error, BusyError) else 0.0
        delay_s = self._backoff.next_delay_s(time.monotonic(), asked_s)
        if delay_s is None:
            raise given_up(error, self._settings.reconnect_s)
        soon = f" in {delay_s:.0f} s" if delay_s >= 1 else ""
        self._link.report(Notice(f"{error} Trying again{soon}."))
        await asyncio.sleep(delay_s)

    def _take_over(self, *, planned: bool = False) -> None:
        """The session that is coming becomes the current one."""
        settings, now_s = self._settings, time.monotonic()
        session = self._sessions.take_over()
        self._limit.began(now_s, session.expires_in_s)
        self._words.session_ends_ns.store(round(self._limit.prepare_s * NS_PER_S))
        self._backoff.connected(now_s)
        self._words.ready.store(1)
        if planned:
            self._link.report(Trace(f"session {session.session_id} takes over before the limit"))
        else:
            self._link.report(SessionReady(session.session_id, settings.model, settings.voice))
        self._user.session_resumed()
