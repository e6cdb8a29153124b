from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ears.job import EarsJob
from pipeline.errors import PipelineError
from pipeline.ipc.child_process import ChildFailedError, ChildProcess
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Device
from pipeline.supervisor.replacement import ReplacementLimit
from pipeline.supervisor.voice_processes import VoiceProcesses

JOB = EarsJob(True, False, "cleaned", 0, None, 1_200)


class Children:
    """Starts nothing, and lets processes fail."""

    def __init__(self) -> None:
        self._on_error: dict[str, Callable[[PipelineError], None]] = {}

    def spawn(
        self, name: str, *_args: object, on_error: Callable[[PipelineError], None], **_: object
    ) -> ChildProcess:
        self._on_error[name] = on_error
        return cast("ChildProcess", SimpleNamespace(name=name))

    def fail(self, name: str) -> None:
        self._on_error[name](ChildFailedError(f"The {name} process ended"))


@pytest.fixture
def children() -> Children:
    return Children()


@pytest.fixture
def processes(children: Children) -> Iterator[VoiceProcesses]:
    card = DeviceChoice(Device(0, "card", "JACK", 1, 1, 24_000, True, True))
    with ExitStack() as stack:
        started = VoiceProcesses(cast("ChildProcesses", children), stack, 50, lambda _: None)
        started.start_audio(Settings(), card, card, JOB)
        yield started


def test_a_hold_ends_with_the_ears_that_began_it(
    children: Children, processes: VoiceProcesses
) -> None:
    state = processes.state
    for number in range(2, 2 + ReplacementLimit.MOST):
        state.ears.hold.store(7)
        children.fail("ears")
        assert (state.supervisor.ears.load(), state.ears.hold.load()) == (number, 0)
    state.ears.hold.store(7)
    children.fail("ears")
    assert (state.supervisor.ears.load(), state.ears.hold.load()) == (0, 0)
