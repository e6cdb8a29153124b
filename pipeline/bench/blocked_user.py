"""A program that uses the library as a client, and blocks its event loop with each event."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pipeline.api.voice_session import VoiceSession
from pipeline.bench.clients import Client, ClientState, Design
from pipeline.bench.gil_holding_tool import hold
from pipeline.bench.three_processes import voice_process_ids
from pipeline.config.settings import Settings
from pipeline.ipc.events import ClockStarted, Event, Finished, PeriodsMissed


def blocked_user(design: Design) -> Design:
    """Return this program's design as used by a program that blocks; it plays to a WAV file."""
    return replace(design, start=_run, device=None)


@contextmanager
def _run(settings: Settings) -> Iterator[Client]:
    user = _BlockedUser(settings)
    user.start()
    try:
        yield user
    finally:
        user.stop()


class _BlockedUser:
    """Runs a `VoiceSession` in a thread, whose loop computes for 300 ms after each event.

    The computing holds the interpreter: it stops this process's thread of the supervisor as well.
    The playout delay is not known here: the scenario's network needs none.
    """

    def __init__(self, settings: Settings) -> None:
        self.state = ClientState()
        self._session = VoiceSession(settings)
        self._reported = threading.Event()
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="blocked user", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait_reports(self, timeout_s: float) -> None:
        self._reported.wait(timeout_s)
        self._reported.clear()
        if self._failure is not None:
            raise self._failure

    def processes(self) -> dict[str, int]:
        return voice_process_ids()

    def stop(self) -> None:
        """End the session, and take the events that its program has been too slow for."""
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            asyncio.run(self._use())
        except BaseException as error:  # noqa: BLE001 - raised by wait_reports
            self._failure = error

    async def _use(self) -> None:
        async with self._session as session:
            until_over = asyncio.create_task(asyncio.to_thread(self._over.wait))
            reading = asyncio.create_task(self._read(session))
            await asyncio.wait((until_over, reading), return_when=asyncio.FIRST_COMPLETED)
            await session.close()
            await reading

    async def _read(self, session: VoiceSession) -> None:
        async for event in session:
            self._take(event)
            self._reported.set()
            if not self._over.is_set():
                hold()

    def _take(self, event: Event) -> None:
        match event:
            case ClockStarted(part, start_ns):
                self.state.clock_starts_ns[part] = start_ns
            case PeriodsMissed(part, periods):
                self.state.missed[part] += periods
            case Finished():
                self.state.finished = True
