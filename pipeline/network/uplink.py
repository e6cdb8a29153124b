"""Microphone frames on their way to the service."""

import asyncio
import base64
import time
from collections.abc import Callable
from functools import partial

from azure.ai.voicelive.aio import VoiceLiveConnection

from pipeline.network.captured_sound import CapturedSound
from pipeline.network.connection import SendGate
from pipeline.network.events import AudioDelta, Event
from pipeline.network.marked_turns import MarkedTurns
from pipeline.network.send_window import SendWindow
from pipeline.network.sent_reference import SentReference
from pipeline.network.turn_gate import TurnEnd
from pipeline.pcm import NS_PER_S
from pipeline.shm.ring import RingReader
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver


class Uplink:
    """Sends captured frames in order, each once in a session.

    Frames stay in the ring after they were sent: a session that breaks off takes the user's words
    with it, and the next one is sent them again. `SendWindow` decides which frames leave the ring.
    A new network process goes on where the ring and the shared state say.

    :param frame_samples: length of every frame.
    :param marked_turns: whether only what the program marks is sent, and committed.
    :param prefix_ms: how long before the speech a turn begins that is marked by what is heard.
    :param reference: what is sent as a second channel, if the service wants one.
    :ivar answered_s: when the latest ping left that the service has answered.
    :ivar on_turn_end: told how the latest turn ended that the program marked.
    """

    def __init__(
        self,
        reader: RingReader,
        wake_receiver: WakeReceiver,
        state: SharedState,
        frame_samples: int,
        *,
        marked_turns: bool = False,
        prefix_ms: int = 0,
        reference: SentReference | None = None,
    ) -> None:
        self._sound = CapturedSound(reader, frame_samples, reference)
        self._wake_receiver = wake_receiver
        self._words = state.network
        self._woken = asyncio.Event()
        self._window = SendWindow(max(self._words.released_samples.load(), self._sound.start))
        self._session = 0
        self._sending = False
        self._resends_turn = False
        self.answered_s = 0.0
        self.on_turn_end: Callable[[TurnEnd], None] = lambda _how: None
        self._turns: MarkedTurns | None = None
        if marked_turns:
            self._turns = MarkedTurns(self._sound, self._window, prefix_ms, self._turn_ended)
        self._give_back()

    @property
    def drained(self) -> bool:
        """Whether this session was sent every published frame."""
        if self._turns is not None:
            return not self._sending and not self._turns.open
        return not self._sending and self._window.sent >= self.published_samples

    @property
    def processed_s(self) -> float:
        """When the service is expected to have worked through all that it was sent."""
        return self._window.processed_s

    @property
    def turn_open(self) -> bool:
        """Whether the service has reported speech that it has not committed.

        A session from which this one takes a turn over has reported it as well.
        """
        return self._window.turn_open or (self._resends_turn and not self.drained)

    def begin_turn(self, at_ns: int, *, again: bool = False) -> None:
        """Send from now on what was captured from `at_ns` on.

        :param again: a process before this one was told so, and may have had it answered.
        """
        if self._turns is not None:
            self._turns.begin(at_ns, again=again)
            self._woken.set()

    def end_turn(self, at_ns: int) -> None:
        """Send what was captured until `at_ns`, and tell the service of the end."""
        if self._turns is not None:
            self._turns.end(at_ns)
            self._woken.set()

    @property
    def latest_turn_start(self) -> int:
        """The microphone sample with which the latest turn of any session begins."""
        return self._window.latest_turn_start

    @property
    def published_samples(self) -> int:
        """Position after the latest frame that capture has published."""
        return self._sound.end

    def keeps(self, captured_at_ns: int) -> bool:
        """Whether what was captured then is kept, or is still to come."""
        return self._sound.keeps(captured_at_ns)

    def begins_before(self, position: int, session_ms: int | None) -> bool:
        """Whether what the session places at `session_ms` lies before `position`."""
        place = self._window.position(session_ms)
        return place is not None and place < position

    def take_over(self, latest_turn_start: int) -> bool:
        """Go on in the place of a process that died, which has reported this turn.

        :return: whether the next session will hear the turn again.
        """
        self._resends_turn = latest_turn_start >= self._window.released
        return self._resends_turn

    def answered(self, pinged_s: float) -> None:
        """The service has answered a ping, and all that it had reported until then has arrived."""
        self.answered_s = pinged_s
        self._window.release_reported(pinged_s)
        taken_ns = time.monotonic_ns() - round(pinged_s * NS_PER_S)
        self._words.round_trip_ns.store(max(0, taken_ns))  # a service may send any pong

    def receive(self, event: Event) -> None:
        """Note an event of the session that hears the microphone.

        A turn to which an answer has begun to sound is given back at once: it must not be answered
        twice. One whose words are known is given back by the next `tick`: the report of the words
        has left this process by then, and survives it.
        """
        self._window.receive(event)
        if isinstance(event, AudioDelta):
            self._give_back()

    def tick(self) -> None:
        """Give frames back to the ring that no session needs any more."""
        window = self._window
        window.limit(self.published_samples)
        self._words.lost_samples.store(window.lost_samples)
        if self._turns is not None:
            self._follow(self._turns, time.monotonic_ns())
        self._give_back()

    def end_session(self, quiet_since_s: float | None = None) -> bool:
        """Let the next session begin with what this one has not taken for good.

        :param quiet_since_s: since when all has been at rest, if it has: the next session need not
            hear what was sent before.
        :return: whether it will hear a turn again which this session has reported.
        """
        window = self._window
        if quiet_since_s is not None:
            window.settle_committed()
            window.release_heard_before(quiet_since_s)
        self._resends_turn = self.turn_open or window.keeps_turn
        window.end_session()
        self._session += 1
        self._sending = False
        self._woken.set()
        return self._resends_turn

    async def run(self, connection: VoiceLiveConnection, gate: SendGate) -> None:
        """Send frames until the session has ended, or until cancelled.

        :raises ServiceClosedError: the connection takes no more.
        """
        session = self._session
        loop = asyncio.get_running_loop()
        loop.add_reader(self._wake_receiver.fileno(), self._on_wake)
        try:
            while session == self._session:
                self._woken.clear()
                if self._turns is None:
                    await self._send_waiting(connection, gate, session, self._now_written)
                else:
                    await self._send_turns(self._turns, connection, gate, session)
                await self._woken.wait()
        finally:
            if session == self._session:  # another session's run has not taken over
                loop.remove_reader(self._wake_receiver.fileno())

    def _on_wake(self) -> None:
        # The byte is taken at once, even while a send waits: a byte left in the socket makes the
        # loop spin. The ring is read afterwards, so no frame is missed.
        self._wake_receiver.clear()
        self._woken.set()

    async def _send_waiting(
        self,
        connection: VoiceLiveConnection,
        gate: SendGate,
        session: int,
        limit: Callable[[], int],
    ) -> None:
        """Send what this session was not sent, up to a position that `limit` gives each time."""
        while session == self._session and self._window.sent < (until := limit()):
            start = self._window.sent
            count, pcm = self._sound.pcm(start, until - start)
            end = start + count
            audio = base64.b64encode(pcm).decode("ascii")
            del pcm  # from here on the frame may leave the ring
            self._sending = True
            async with gate.turn():
                # A plain mapping costs a third of the SDK's own model of the event.
                await connection.send({"type": "input_audio_buffer.append", "audio": audio})
            if session != self._session:
                return
            self._sending = False
            self._window.append(start, end, time.monotonic())
            self._words.sent_samples.add(end - start)

    async def _send_turns(
        self, turns: MarkedTurns, connection: VoiceLiveConnection, gate: SendGate, session: int
    ) -> None:
        """Send the turns that this session was not sent, each with its end."""
        for turn in turns.due(session):
            turns.begin_sending(turn, session)
            await self._send_waiting(connection, gate, session, partial(turns.limit, turn))
            if session != self._session or turn.end is None:
                return
            kind = "input_audio_buffer.clear" if turn.too_short else "input_audio_buffer.commit"
            async with gate.turn():
                await connection.send({"type": kind})
            if session != self._session:
                return
            turns.note_sent(turn, session)

    def _follow(self, turns: MarkedTurns, now_ns: int) -> None:
        """Send the turns that have been found, or leave out the silence after them."""
        if turns.look(self._session, now_ns) or self._sending:
            self._woken.set()
        else:
            turns.skip_silence(now_ns)

    def _turn_ended(self, how: TurnEnd) -> None:
        self.on_turn_end(how)

    def _now_written(self) -> int:
        return self.published_samples

    def _give_back(self) -> None:
        released = self._window.released
        if released > self._words.released_samples.load():
            self._words.released_samples.store(released)
        self._sound.release(released)
