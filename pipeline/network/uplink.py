"""Microphone frames on their way to the service."""

import asyncio
import base64
import time

from azure.ai.voicelive.aio import VoiceLiveConnection

from pipeline.network.connection import SendGate
from pipeline.network.events import AudioDelta, Event
from pipeline.network.send_window import SendWindow
from pipeline.pcm import Samples
from pipeline.shm.ring import RingReader
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver


class Uplink:
    """Sends captured frames in order, each once in a session.

    Frames stay in the ring after they were sent: a session that breaks off takes the user's words
    with it, and the next one is sent them again. `SendWindow` decides which frames leave the ring.
    A new network process goes on where the ring and the shared state say.

    :param frame_samples: length of every frame.
    """

    def __init__(
        self,
        reader: RingReader,
        wake_receiver: WakeReceiver,
        state: SharedState,
        frame_samples: int,
    ) -> None:
        self._reader = reader
        self._wake_receiver = wake_receiver
        self._words = state.network
        self._frame_samples = frame_samples
        self._woken = asyncio.Event()
        self._window = SendWindow(
            max(self._words.released_samples.load(), reader.position * frame_samples)
        )
        self._session = 0
        self._sending = False
        self._resends_turn = False
        self._give_back()

    @property
    def drained(self) -> bool:
        """Whether this session was sent every published frame."""
        return not self._sending and self._window.sent >= self._written

    @property
    def turn_open(self) -> bool:
        """Whether the service has reported speech that it has not committed.

        A session from which this one takes a turn over has reported it as well.
        """
        return self._window.turn_open or (self._resends_turn and not self.drained)

    @property
    def latest_turn_start(self) -> int:
        """The microphone sample with which the latest turn of any session begins."""
        return self._window.latest_turn_start

    def take_over(self, latest_turn_start: int) -> bool:
        """Go on in the place of a process that died, which has reported this turn.

        :return: whether the next session will hear the turn again.
        """
        self._resends_turn = latest_turn_start >= self._window.released
        return self._resends_turn

    def answered(self, pinged_s: float) -> None:
        """The service has answered a ping, and all that it had reported until then has arrived."""
        self._window.release_reported(pinged_s)

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
        window.limit(self._written)
        self._words.lost_samples.store(window.lost_samples)
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
                await self._send_waiting(connection, gate, session)
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
        self, connection: VoiceLiveConnection, gate: SendGate, session: int
    ) -> None:
        """Send what the ring holds and this session was not sent."""
        while self._window.sent < self._written:
            start = self._window.sent
            samples = self._samples_at(start)
            end = start + len(samples)
            audio = base64.b64encode(samples.data).decode("ascii")
            del samples  # from here on the frame may leave the ring
            self._sending = True
            async with gate.turn():
                # A plain mapping costs a third of the SDK's own model of the event.
                await connection.send({"type": "input_audio_buffer.append", "audio": audio})
            if session != self._session:
                return
            self._sending = False
            self._window.append(start, end, time.monotonic())
            self._words.sent_samples.add(end - start)

    @property
    def _written(self) -> int:
        """Position after the latest frame that capture has published."""
        return (self._reader.position + self._reader.fill_frames()) * self._frame_samples

    def _samples_at(self, position: int) -> Samples:
        """Return the rest of a published frame, a view of shared memory."""
        index, offset = divmod(position, self._frame_samples)
        frame = self._reader.front(index - self._reader.position)
        if frame is None:
            raise IndexError(f"frame {index} is not published yet")
        return frame.samples[offset:]

    def _give_back(self) -> None:
        released = self._window.released
        if released > self._words.released_samples.load():
            self._words.released_samples.store(released)
        self._reader.advance(self._window.released // self._frame_samples - self._reader.position)
