"""The recorder: writes what passes the cards and what happens to a folder.

A recording that cannot be continued ends; the process goes on without a work, because nothing but
the conversation's end ends it.
"""

import time
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection

from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import RecorderEnded, Report
from pipeline.recorder.job import RecorderJob
from pipeline.recorder.recorder import Recorder
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState

POLL_S = 0.25
LAST_S = 0.4
"""How long the end may take; the supervisor kills a process that takes 0.7 s to end."""

_LAST_POLL_S = 0.05


def main(
    pipe: "Connection[Report, Command]", verbose: int, names: SharedNames, job: RecorderJob
) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, verbose, partial(_work, names, job))


def _work(names: SharedNames, job: RecorderJob, link: SupervisorLink) -> None:
    if names.recorder is None:
        raise ValueError("the recorder has no rings")
    with ExitStack() as stack:
        state = stack.enter_context(SharedState.attach(names.state))
        microphone = stack.enter_context(FrameRing.attach(names.recorder.microphone_ring))
        speaker = stack.enter_context(FrameRing.attach(names.recorder.speaker_ring))
        try:
            with ExitStack() as files:
                recorder = Recorder(state, (microphone, speaker), job, link, files)
                _record(recorder, state, link)
                _record_the_rest(recorder)
        except OSError as error:
            link.report(RecorderEnded(error.strerror or str(error)))
        while not link.stopped:
            state.recorder.heartbeat_ns.store(time.monotonic_ns())
            link.receive(POLL_S)


def _record(recorder: Recorder, state: SharedState, link: SupervisorLink) -> None:
    """Record until the supervisor says stop."""
    while not link.stopped:
        state.recorder.heartbeat_ns.store(time.monotonic_ns())
        until_s = time.monotonic() + POLL_S
        while (left_s := until_s - time.monotonic()) > 0 and not link.stopped:
            if (command := link.receive(left_s)) is not None:
                recorder.handle(command)
        recorder.take()


def _record_the_rest(recorder: Recorder) -> None:
    """Record what capture and playback publish while they end."""
    deadline_s = time.monotonic() + LAST_S
    quiet = 0
    while quiet < 3 and time.monotonic() < deadline_s:
        time.sleep(_LAST_POLL_S)
        quiet = 0 if recorder.take() else quiet + 1
    recorder.end()
