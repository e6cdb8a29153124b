"""The faults: what is done to a running conversation."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil
from aiohttp import web

from benchmarks.faults.service import CodedService, Listener
from tests.support.program import Program
from tests.support.scripted_service import ScriptedSession

STANDSTILL_S = 5.0
CONGESTED_S = 3.0
AWAY_S = 1.5
MANY_ERRORS = 300
LARGE_BYTES = 8_000_000
UNRECORDED_MS = 300
"""Playback lets its recording be written ten times a second; a busy machine takes longer."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A running conversation, at the moment of the fault."""

    program: Program
    service: CodedService
    processes: dict[str, psutil.Process]

    @property
    def session(self) -> ScriptedSession:
        return self.service.sessions[-1]

    @property
    def listener(self) -> Listener:
        return self.service.listeners[-1]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    :ivar harm: does it, and returns when it is over.
    :ivar flags: of the program.
    :ivar calls: whether the model calls a slow tool before it answers the second question.
    :ivar unrecorded_ms: what may be missing in the recording because the process that dies had not
        written it yet: it sounded.
    """

    name: str
    harm: Callable[[Scene], None]
    flags: tuple[str, ...] = ()
    calls: bool = False
    unrecorded_ms: int = 0


def _nothing(_scene: Scene) -> None:
    """Let the conversation be."""


def _close(code: int) -> Callable[[Scene], None]:
    def harm(scene: Scene) -> None:
        scene.service.call(scene.session.close(code))

    return harm


def _reset(scene: Scene) -> None:
    async def abort() -> None:
        scene.session.abort()

    scene.service.call(abort())


def _expire(scene: Scene) -> None:
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "Too long."}

    async def expire() -> None:
        await scene.session.send("error", error=error)
        await scene.session.close(1_001)

    scene.service.call(expire())


def _refuse(refusal: Callable[[], web.HTTPException]) -> Callable[[Scene], None]:
    """Break off, and refuse new sessions for a while."""

    def harm(scene: Scene) -> None:
        scene.service.refusal = refusal
        _reset(scene)
        time.sleep(AWAY_S)
        scene.service.refusal = None

    return harm


def _break_off_twice(scene: Scene) -> None:
    """Break off again as soon as the next session is there."""
    sessions = len(scene.service.sessions)
    _reset(scene)
    scene.program.wait_until(lambda: len(scene.service.sessions) > sessions)
    _reset(scene)


def _be_silent(scene: Scene) -> None:
    """Break off, and leave the settings of the next session without an answer."""
    scene.service.silent_sessions = 1
    _reset(scene)


def _refuse_answers(scene: Scene) -> None:
    """Break off, and refuse the request for an answer: another response is active."""
    scene.service.refused_requests = 3
    _reset(scene)


def _stall(scene: Scene) -> None:
    """Let nothing pass any more, in either direction, on a connection that stays open."""
    service, session, listener = scene.service, scene.session, scene.listener

    async def stall() -> None:
        listener.mute = True
        session.stop_reading()

    service.call(stall())


def _congest(scene: Scene) -> None:
    session = scene.session

    async def congest() -> None:
        session.stop_reading()
        await asyncio.sleep(CONGESTED_S)
        session.resume_reading()

    scene.service.call(congest())


def _send(*frames: str | bytes) -> Callable[[Scene], None]:
    def harm(scene: Scene) -> None:
        async def send() -> None:
            for frame in frames:
                await scene.session.send_raw(frame)

        scene.service.call(send())

    return harm


def _send_errors(scene: Scene) -> None:
    async def send() -> None:
        for number in range(MANY_ERRORS):
            error = {"type": "server_error", "code": "odd", "message": f"Something ({number % 3})."}
            await scene.session.send("error", error=error)

    scene.service.call(send())


def _signal(number: int, *names: str) -> Callable[[Scene], None]:
    def harm(scene: Scene) -> None:
        for name in names:
            scene.processes[name].send_signal(number)

    return harm


def _stop_everything(scene: Scene) -> None:
    """Stop all processes, as when the machine sleeps."""
    members = scene.program.members()
    for member in members:
        member.send_signal(signal.SIGSTOP)
    time.sleep(STANDSTILL_S)
    for member in members:
        member.send_signal(signal.SIGCONT)


def _stop_supervisor(scene: Scene) -> None:
    os.kill(scene.program.pid, signal.SIGSTOP)
    time.sleep(STANDSTILL_S)
    os.kill(scene.program.pid, signal.SIGCONT)


BUSY = partial(web.HTTPTooManyRequests, headers={"Retry-After": "1"})
NONSENSE = (
    "", "{", "[" * 100_000, "null", "7", '"text"', "{}", '{"type": 7}', b"\x00\xff\xfe",
    '{"type": "response.audio.delta", "delta": "%%%"}',
    '{"type": "response.audio.delta", "delta": {"a": [1]}}',
    '{"type": "error", "error": []}', '{"type": "session.updated", "session": "\\ud83d"}',
    '{"type": "conversation.item.created", "item": 1e999}',
)  # fmt: skip

KINDS = [
    Kind("nothing (for comparison)", _nothing),
    Kind("service: closes (1000)", _close(1_000)),
    Kind("service: fails (1011)", _close(1_011)),
    Kind("service: restarts (1012)", _close(1_012)),
    Kind("service: session expires", _expire),
    Kind("link: reset", _reset),
    Kind("link: reset, and again at once", _break_off_twice),
    Kind("service: away (503) for 1.5 s", _refuse(web.HTTPServiceUnavailable)),
    Kind("service: busy (429, Retry-After)", _refuse(BUSY)),
    Kind("service: silent session", _be_silent, ("--connect-timeout-s", "2")),
    Kind("service: refuses three requests", _refuse_answers),
    Kind("service: sessions of 6 s", _nothing, ("--session-minutes", "0.1")),
    Kind("link: dead (no byte, no pong)", _stall),
    Kind("link: congested for 3 s", _congest),
    Kind("service: 14 messages of nonsense", _send(*NONSENSE)),
    Kind("service: an event of 8 MB", _send('{"type": "odd", "x": "' + "x" * LARGE_BYTES + '"}')),
    Kind("service: 300 errors", _send_errors),
    Kind("network: kill -9", _signal(signal.SIGKILL, "network")),
    Kind(
        "playback: kill -9",
        _signal(signal.SIGKILL, "playback"),
        unrecorded_ms=UNRECORDED_MS,
    ),
    Kind("capture: kill -9", _signal(signal.SIGKILL, "capture")),
    Kind("network: crashes (SIGSEGV)", _signal(signal.SIGSEGV, "network")),
    Kind(
        "network and playback: kill -9",
        _signal(signal.SIGKILL, "network", "playback"),
        unrecorded_ms=UNRECORDED_MS,
    ),
    Kind(
        "all three: kill -9",
        _signal(signal.SIGKILL, "network", "playback", "capture"),
        unrecorded_ms=UNRECORDED_MS,
    ),
    Kind("tools: kill -9", _signal(signal.SIGKILL, "tools"), calls=True),
    Kind("network: stopped (noticed after 3 s)", _signal(signal.SIGSTOP, "network")),
    Kind(
        "playback: stopped (noticed after 3 s)",
        _signal(signal.SIGSTOP, "playback"),
        unrecorded_ms=UNRECORDED_MS,
    ),
    Kind("capture: stopped (noticed after 3 s)", _signal(signal.SIGSTOP, "capture")),
    Kind("machine: stands still for 5 s", _stop_everything),
    Kind("supervisor: stopped for 5 s", _stop_supervisor),
]
