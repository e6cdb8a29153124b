"""Microphone frames on their way to the service."""

import asyncio
import base64
from typing import NoReturn

from azure.ai.voicelive.aio import VoiceLiveConnection

from pipeline.network.connection import SendGate
from pipeline.shm.ring import RingReader
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver


class Uplink:
    """Sends each captured frame exactly once and in order.

    A frame leaves the ring only after the connection took it; while the connection is slow, frames
    wait in the ring, which holds 30 s.
    """

    def __init__(self, reader: RingReader, wake_receiver: WakeReceiver, state: SharedState) -> None:
        self._reader = reader
        self._wake_receiver = wake_receiver
        self._state = state
        self._woken = asyncio.Event()

    @property
    def drained(self) -> bool:
        """Whether every published frame has been sent."""
        return self._reader.fill_frames() == 0

    async def run(self, connection: VoiceLiveConnection, gate: SendGate) -> NoReturn:
        """Send frames until cancelled.

        :raises ServiceClosedError: the connection takes no more.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(self._wake_receiver.fileno(), self._on_wake)
        try:
            while True:
                await self._send_waiting(connection, gate)
                await self._woken.wait()
                self._woken.clear()
        finally:
            loop.remove_reader(self._wake_receiver.fileno())

    def _on_wake(self) -> None:
        # The byte is taken at once, even while a send waits: a byte left in the socket makes the
        # loop spin. The ring is read afterwards, so no frame is missed.
        self._wake_receiver.clear()
        self._woken.set()

    async def _send_waiting(self, connection: VoiceLiveConnection, gate: SendGate) -> None:
        """Send what the ring holds."""
        while (frame := self._reader.front()) is not None:
            audio = base64.b64encode(frame.samples.data).decode("ascii")
            samples = len(frame.samples)
            del frame
            async with gate.turn():
                # A plain mapping costs a third of the SDK's own model of the event.
                await connection.send({"type": "input_audio_buffer.append", "audio": audio})
            self._reader.advance()
            self._state.network.sent_samples.add(samples)
