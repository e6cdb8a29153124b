"""The supervisor in a thread of its own, so that it works beside any program and any event loop."""

import asyncio
import atexit
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from pipeline.api.event_queue import EventQueue
from pipeline.api.session_tools import SessionTools
from pipeline.api.values import Heard, Metrics, Turn, heard_of, history_of, metrics_of
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError
from pipeline.ipc.events import Event, Levels, Opened
from pipeline.ipc.reports import ConversationMemory
from pipeline.supervisor.pipeline import Pipeline, StoppedError
from pipeline.supervisor.program_sound import NO_OWN_SOUND, ProgramSound

EXIT_S = 5.0
"""How long the interpreter's exit waits for a conversation that was not closed."""

_running: "weakref.WeakSet[SessionThread]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a user can look at."""

    heard: Heard
    metrics: Metrics
    memory: ConversationMemory
    levels: Levels

    @property
    def history(self) -> tuple[Turn, ...]:
        return history_of(self.memory)  # only if somebody asks: there may be many turns


class SessionThread:
    """One conversation. All methods return at once, except `join`; any thread may call them.

    :param on_change: called in the conversation's thread after each event and at the end.
    :ivar failure: what ended the conversation, if that was not its regular end; final once `ended`.
    :ivar recording_lost: whether something that was to be recorded is missing; final once `ended`.
    """

    def __init__(
        self,
        settings: Settings,
        tools: SessionTools,
        on_change: Callable[[], None],
        sound: ProgramSound = NO_OWN_SOUND,
        *,
        emits_levels: bool = False,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._sound = sound
        self._emits_levels = emits_levels
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_change = on_change
        self._events = EventQueue()
        self._pipeline: Pipeline | None = None
        self._latest: Snapshot | None = None
        self._early: list[Callable[[Pipeline], None]] = []
        self._lock = threading.Lock()
        self._opened = self._ended = False
        self._thread = threading.Thread(target=self._run, name="voice session", daemon=True)
        self.failure: BaseException | None = None
        self.recording_lost = False

    @property
    def opened(self) -> bool:
        """Whether session, microphone and speaker have worked."""
        return self._opened

    @property
    def ended(self) -> bool:
        """Whether nothing is left of the conversation, and no more events come."""
        return self._ended

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Start the conversation; `take` gives its events.

        :param loop: runs tools that are coroutines; None: a loop of its own does.
        """
        self._loop = loop
        _running.add(self)
        self._thread.start()

    def take(self) -> Event | None:
        """Return the oldest event that waits; None if there is none."""
        return self._events.take()

    def do(self, action: Callable[[Pipeline], None]) -> None:
        """Call `action` in the conversation's thread, unless the conversation has ended."""
        with self._lock:
            pipeline = self._pipeline
            if pipeline is None:
                self._early.append(action)
            else:
                pipeline.call_soon(partial(action, pipeline))

    def fail(self, error: PipelineError) -> None:
        """End the conversation with `error`."""
        self.do(lambda pipeline: pipeline.fail(error))

    def stop(self) -> None:
        """Ask the conversation to end."""
        self.do(Pipeline.stop)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end of the thread."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def snapshot(self) -> Snapshot | None:
        """Return the present state; after the end the last one; None before the start."""
        with self._lock:  # the shared memory stays until `_detach` has the lock
            return self._look()

    def _run(self) -> None:
        pipeline = None
        try:
            with ExitStack() as stack:
                tools = stack.enter_context(self._tools.running(self._loop))
                pipeline = Pipeline(
                    self._settings,
                    self._emit,
                    stack,
                    tools,
                    self._sound,
                    emits_levels=self._emits_levels,
                )
                stack.callback(self._detach)
                self._attach(pipeline)
                pipeline.run()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - the user's thread raises it
            self.failure = error
        finally:
            self._sound.close()
            self.recording_lost = pipeline is not None and pipeline.recording_lost
            self._ended = True
            self._on_change()

    def _attach(self, pipeline: Pipeline) -> None:
        with self._lock:
            self._pipeline = pipeline
            for action in self._early:
                pipeline.call_soon(partial(action, pipeline))
            self._early.clear()

    def _detach(self) -> None:
        with self._lock:
            self._latest = self._look()
            self._pipeline = None

    def _look(self) -> Snapshot | None:
        pipeline = self._pipeline
        if pipeline is None:
            return self._latest
        state = pipeline.state
        return Snapshot(heard_of(state), metrics_of(state), pipeline.memory, pipeline.levels)

    def _emit(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._opened = True
        self._events.put(event)
        self._on_change()


@atexit.register
def _stop_all() -> None:
    """End what the program has not closed: processes and shared memory must not outlive it."""
    threads = list(_running)
    for thread in threads:
        thread.stop()
    for thread in threads:
        thread.join(EXIT_S)
