"""This program's processes on two sound cards, with or without ears."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pipeline.audio.selection import choose_device
from pipeline.bench.voice_processes import start_voice_processes
from pipeline.config.settings import Settings
from pipeline.errors import DeviceError, PipelineError
from pipeline.ipc.events import SessionReady
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Device, Report, event_of
from pipeline.shm.state import SharedState
from pipeline.supervisor.devices import find_devices
from pipeline.supervisor.ears import choose_ears
from pipeline.supervisor.recorder import ConversationRecorder
from pipeline.supervisor.voice_processes import VoiceProcesses

POLL_S = 0.005
GENEROUS_S = 60.0
"""Timeout of every wait, far beyond what anything takes: it means that something hangs."""

PROCESSES = ("capture", "ears", "network", "playback")


class EarsClient:
    """A conversation that has started.

    :param ears: whether there are ears.
    :ivar cards: names of the microphone and of the loudspeaker.
    :ivar recorded_from_ns: ``time.monotonic_ns`` of the first sample that `record` keeps.
    """

    def __init__(
        self,
        children: ChildProcesses,
        voice: VoiceProcesses,
        recorder: ConversationRecorder,
        *,
        cards: tuple[str, str],
        ears: bool,
    ) -> None:
        self._children = children
        self._recorder = recorder
        self._ears = ears
        self._ready = False
        self.cards = cards
        self.state: SharedState = voice.state
        self.recorded_from_ns = recorder.start_ns

    def check(self) -> None:
        """Read the reports of the processes.

        :raises PipelineError: one of them has ended.
        """
        for report in self._children.reports(0):
            self._handle(report)

    def wait_ready(self) -> None:
        """Wait until the session hears the microphone, and the ears have it."""
        self.wait_until(lambda: self._ready)
        if self._ears:
            self.wait_until(self.state.capture.route.load)

    def wait_until(self, condition: Callable[[], object], limit_s: float = GENEROUS_S) -> None:
        """:raises PipelineError: it takes longer than `limit_s`."""
        deadline_s = time.monotonic() + limit_s
        while not condition():
            self.check()
            if time.monotonic() > deadline_s:
                raise PipelineError(f"The conversation did not go on within {limit_s:g} s.")
            time.sleep(POLL_S)

    def sleep(self, seconds: float) -> None:
        """Read reports for `seconds`."""
        until_s = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() >= until_s, limit_s=seconds + GENEROUS_S)

    @staticmethod
    def processes() -> dict[str, int]:
        """Return its processes as names and process ids."""
        running = {child.name: child.pid or 0 for child in multiprocessing.active_children()}
        return {name: running[name] for name in PROCESSES if name in running}

    def _handle(self, report: Report) -> None:
        if event := event_of(report):
            self._recorder.tell(event)
        if isinstance(report, SessionReady):
            self._ready = True


@contextmanager
def conversation(settings: Settings) -> Iterator[EarsClient]:
    """Start a conversation on the cards of `settings`.

    :raises PipelineError: it cannot start.
    """
    recorder = ConversationRecorder(_ignore, _ignore)
    with recorder, ChildProcesses() as children, ExitStack() as stack:
        devices = find_devices(children, settings.verbose, _ignore)
        microphone = choose_device(settings.input, "input", devices)
        speaker = choose_device(settings.output, "output", devices)
        if microphone is None or speaker is None:
            raise DeviceError("A microphone and a loudspeaker are needed, and one is missing.")
        recorder.claim(settings)

        def record(voice: VoiceProcesses) -> None:
            recorder.start(voice, settings, microphone, speaker)

        job, _ = choose_ears(settings, microphone, speaker)
        voice = start_voice_processes(
            children, stack, settings, microphone, speaker, before_audio=record, ears=job
        )
        cards = (microphone.name, speaker.name)
        yield EarsClient(children, voice, recorder, cards=cards, ears=job is not None)


def _ignore(_: Report | Device | str) -> None:
    """Leave a report without an answer, a sentence untold."""
