"""The service on one side, rings and shared state on the other, the conversation between."""

import asyncio
import time
from dataclasses import replace

from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.commands import (
    BeginTurn,
    Command,
    EndTurn,
    InterruptAnswer,
    OfferTools,
    Say,
    ToolOutput,
    UpdateSession,
)
from pipeline.ipc.events import AssistantDone, AssistantSaid, EventRead, Finished, Notice
from pipeline.ipc.reports import ConversationMemory
from pipeline.network.actions import Action, CreateResponse, Interrupt
from pipeline.network.conversation import Conversation
from pipeline.network.decode import UnreadableError, read
from pipeline.network.downlink import Downlink
from pipeline.network.ears_watch import EarsWatch
from pipeline.network.effects import Effects
from pipeline.network.events import Event, ResponseDone, SpeechStarted, TurnEvent
from pipeline.network.input_end import InputEnd
from pipeline.network.live_session import LiveSession
from pipeline.network.memory import MemoryReports
from pipeline.network.session_keeper import SessionKeeper
from pipeline.network.session_limit import Moment
from pipeline.network.silence import Silence
from pipeline.network.turn_gate import TurnEnd
from pipeline.network.uplink import Uplink
from pipeline.pcm import NS_PER_S
from pipeline.shm.state import Position, SharedState


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
        memory: ConversationMemory | None = None,
    ) -> None:
        """Begin a conversation, or go on with the `memory` of a process that died."""
        self._settings = settings
        self._link = link
        self._state = state
        self._uplink = uplink
        uplink.on_turn_end = self._on_turn_end
        self._downlink = downlink
        self._conversation = Conversation(
            interrupt_response=settings.interrupt_response, read_ahead=settings.read_ahead
        )
        self._input_end = InputEnd(state, uplink, time.monotonic())
        self._silence = Silence(time.monotonic())
        self._sessions = SessionKeeper(settings, link, state.network, uplink, self, loop=loop)
        self._idle_since_s: float | None = None
        self._effects = Effects(state.network, downlink, link, self._sessions.send)
        self._ears = EarsWatch(state.ears, uplink.keeps)
        self._settled_generation = 0
        self._barged_in_at = 0  # position of the microphone
        self._early: list[Command] = []  # before the first session was ready
        self._lost_samples_reported = False
        self._memory_reports = MemoryReports(link.report, lambda: uplink.latest_turn_start)
        if memory is not None:
            generation = state.network.generation.load()
            queued = downlink.queued_end()
            heard_again = uplink.take_over(memory.latest_turn_start)
            self._effects.perform(
                self._conversation.restore(memory, generation, queued, heard_again=heard_again)
            )
            for mark in self._ears.turn_marks(again=True):
                self.handle_command(mark)

    @property
    def pause_s(self) -> float:
        """How long to wait before the next `tick`."""
        return self.IDLE_TICK_S if self._conversation.idle else self.TICK_S

    async def run(self) -> None:
        """Pass events and frames on, in session after session, until cancelled.

        :raises PipelineError: as `SessionKeeper.run`.
        """
        await self._sessions.run()

    def on_message(self, session: LiveSession, message: bytes) -> None:
        """React to a message of the service, at once."""
        read_at_ns = time.monotonic_ns()
        try:
            kind, event = read(message)
        except UnreadableError as error:
            self._link.report(Notice(f"The service sent something unreadable: {error}"))
            return
        session.set_up(event)
        event_read = EventRead(kind, read_at_ns) if self._settings.verbose else None
        if session is self._sessions.listened_to:
            if isinstance(event, SpeechStarted) and self._uplink.begins_before(
                self._barged_in_at, event.start_ms
            ):
                event = replace(event, known=True)
            self._effects.perform(self._conversation.receive(event), event_read)
            if isinstance(event, SpeechStarted):
                self._state.network.speech_heard_ns.store(read_at_ns)
            self._note(event, read_at_ns / NS_PER_S)
            self._sessions.took_message(session)
        elif event_read is not None:
            self._link.report(event_read)

    def release(self, request: CreateResponse) -> bool:
        """Whether `request` is still due at the moment of sending; then it counts as sent."""
        return self._conversation.release(request)

    def session_lost(self, *, heard_again: bool, planned: bool) -> None:
        """The current session is gone. Parameters as for `handover.lose_session`."""
        self._effects.perform(
            self._conversation.session_lost(heard_again=heard_again, planned=planned)
        )

    def session_resumed(self) -> None:
        """Another session has taken over."""
        self._effects.perform(self._conversation.session_resumed())
        early, self._early = self._early, []
        for command in early:
            self.handle_command(command)

    def handle_command(self, command: Command) -> None:
        """Carry out a command of the supervisor."""
        match command:
            case OfferTools(tools):
                self._sessions.offer_tools(tools)
            case ToolOutput(call_id, output):
                self._effects.perform(self._conversation.tool_returned(call_id, output))
            case UpdateSession():
                self._sessions.update(command)
            case BeginTurn(at_ns, again):
                self._effects.perform(self._conversation.begin_turn(again=again))
                self._uplink.begin_turn(at_ns, again=again)
            case EndTurn(at_ns):
                self._uplink.end_turn(at_ns)
            case Say() | InterruptAnswer() if not self._state.network.ready.load():
                self._early.append(command)
            case Say(text):
                self._effects.perform(self._conversation.say(text))
                self._memory_reports.update(self._conversation)
            case InterruptAnswer():
                self._effects.perform(self._conversation.interrupt())

    def _on_turn_end(self, how: TurnEnd) -> None:
        conversation = self._conversation
        if how == "sent":
            self._effects.perform(conversation.turn_sent())
        else:
            self._effects.perform(conversation.turn_dropped(too_short=how == "too short"))

    def tick(self) -> None:
        """Look at what playback did, publish waiting frames, and notice a finished input."""
        now_ns = time.monotonic_ns()
        now_s = now_ns / NS_PER_S
        self._state.network.heartbeat_ns.store(now_ns)
        self._downlink.pump()
        self._report_lost_samples()
        self._follow_ears()
        actions = [*self._playback_changes(), *self._conversation.tick(now_s)]
        self._effects.perform(actions)
        if any(isinstance(action, AssistantSaid | AssistantDone) for action in actions):
            self._memory_reports.update(self._conversation)  # what is shown is shown once
        self._uplink.tick()
        self._renew_session(now_s)
        self._memory_reports.tick(now_s, self._conversation)
        self._notice_silence(now_s)
        connected = self._sessions.current is not None
        idle = self._conversation.finished
        if self._input_end.reached(now_s, connected=connected, idle=idle):
            self._link.report(Finished(self._conversation.all_answered))

    def _renew_session(self, now_s: float) -> None:
        """Open the next session before this one's limit; let it take over when that is harmless."""
        if not self._conversation.idle:
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = now_s
        self._sessions.renew(Moment(now_s, self._idle_since_s, self._conversation.between_answers))

    def _note(self, event: Event, now_s: float) -> None:
        """Do what the conversation does not need of an event of the current session."""
        self._input_end.event_received(now_s)
        self._silence.event_received(now_s)
        if isinstance(event, TurnEvent):
            self._memory_reports.update(self._conversation)
        self._uplink.receive(event)  # releases a turn: after its words are remembered
        if isinstance(event, ResponseDone) and event.status != "failed":
            self._sessions.answered()

    def _playback_changes(self) -> list[Action]:
        conversation, playback = self._conversation, self._state.playback
        if self._settled_generation != conversation.generation:
            cut = self._state.latest_cut()
            if cut is None or cut.generation != conversation.generation:
                return []  # positions are read only once the cut between them is settled
            self._settled_generation = cut.generation
            return conversation.cut_settled(cut.generation, *cut.heard)
        return conversation.heard(*Position.unpacked(playback.heard.load()))

    def _follow_ears(self) -> None:
        """Interrupt the answer over which the ears hear a person; take the turns that they mark."""
        if self._ears.interrupts(self._conversation.generation):
            actions = self._conversation.barge_in()
            if any(isinstance(action, Interrupt) for action in actions):
                self._barged_in_at = self._uplink.published_samples
            self._effects.perform(actions)
        for mark in self._ears.turn_marks():
            self.handle_command(mark)

    def _notice_silence(self, now_s: float) -> None:
        owed = self._conversation.waits_for_service
        if self._silence.begins_to_worry(now_s, owed=owed):
            self._link.report(
                Notice(
                    f"The service has said nothing for {Silence.LONGEST_S:g} s, "
                    "although an answer is due. Wait, or say it again."
                )
            )

    def _report_lost_samples(self) -> None:
        """Report the first loss."""
        if self._downlink.lost_samples and not self._lost_samples_reported:
            self._lost_samples_reported = True
            self._link.report(
                Notice(
                    "The answer is over half an hour ahead of the loudspeaker: the rest is lost."
                )
            )
