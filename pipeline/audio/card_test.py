"""A short-lived process that records from a microphone and plays what it heard."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection

import numpy as np
import soxr

from pipeline.audio.levels import level_of
from pipeline.audio.opening import open_microphone, open_speaker
from pipeline.audio.selection import DeviceChoice
from pipeline.errors import DeviceError
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import CardHeard, CardTested, Report
from pipeline.pcm import Samples
from pipeline.shm.state import SharedState

RECORD_S = 2.0
METER_S = 0.1
START_S = 10.0
"""How long a card may take to its first period; Bluetooth takes seconds."""

_TAIL_S = 0.3
"""After the last sample was handed over, until the device has played it."""


def main(
    pipe: "Connection[Report, Command]",
    verbose: int,
    state: str,
    microphone: DeviceChoice,
    speaker: DeviceChoice,
) -> None:
    """Entry point of the spawned process; `state` names shared state for the counters."""

    def work(link: SupervisorLink) -> None:
        with SharedState.attach(state) as words:
            recorded, rate_hz = _record(microphone, words, link)
            level = level_of(recorded)
            _play(recorded, rate_hz, speaker, words, link)
            link.report(CardTested(level.peak, level.clipped, level.samples))

    run_child(pipe, verbose, work)


def _record(choice: DeviceChoice, state: SharedState, link: SupervisorLink) -> tuple[Samples, int]:
    """Return what was heard, shape ``(samples,)``, and its rate; reports a level now and then."""
    periods: list[bytes] = []
    with closing(open_microphone(choice, None, state.capture, None)) as adaptive:
        stream = adaptive.stream
        stream.start(lambda pcm, _at_ns: periods.append(pcm), _nothing)
        wanted = round(RECORD_S * stream.rate_hz)
        shown = 0
        for _ in _until(RECORD_S + START_S, "microphone", link):
            adaptive.stream.check()
            heard = len(periods)
            if heard > shown:
                link.report(CardHeard(level_of(_joined(periods[shown:heard])).peak))
            shown = heard
            if sum(map(len, periods[:heard])) // 2 >= wanted:
                break
        return _joined(periods)[:wanted], stream.rate_hz


def _play(
    samples: Samples,
    rate_hz: int,
    choice: DeviceChoice,
    state: SharedState,
    link: SupervisorLink,
) -> None:
    played = threading.Event()
    with closing(open_speaker(choice, None, state.playback, lambda _: played.set())) as adaptive:
        stream = adaptive.stream
        sound = _at_rate(samples, rate_hz, stream.rate_hz)
        place = 0

        def render(out: Samples, _sounds_at_ns: int) -> None:
            nonlocal place
            part = sound[place : place + len(out)]
            out[: len(part)] = part
            out[len(part) :] = 0
            place += len(part)
            if place >= len(sound):
                played.set()

        stream.start(render, _nothing)
        for _ in _until(len(samples) / rate_hz + START_S, "loudspeaker", link):
            stream.check()
            if played.is_set():
                break
        link.stop_requested(_TAIL_S)


def _until(limit_s: float, name: str, link: SupervisorLink) -> Iterator[None]:
    """Yield a few times a second.

    :raises DeviceError: the time is over.
    """
    deadline_s = time.monotonic() + limit_s
    while not link.stop_requested(METER_S):
        if time.monotonic() > deadline_s:
            raise DeviceError(f"The {name} did not run within {START_S:g} s: choose another.")
        yield


def _joined(periods: list[bytes]) -> Samples:
    return np.frombuffer(b"".join(periods), np.int16)


def _at_rate(samples: Samples, rate_hz: int, wanted_hz: int) -> Samples:
    return samples if rate_hz == wanted_hz else soxr.resample(samples, rate_hz, wanted_hz)


def _nothing() -> None:
    """Leave the thread of the callbacks as it is: two seconds need no real-time priority."""
