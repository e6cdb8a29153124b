"""A process in reserve, which takes the place of one that dies.

A new network process imports for a second before it can work, an audio process for half a second.
The spare has imported everything already, and holds no device, no shared memory, no connection and
no key.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from socket import socket

from pipeline.errors import PipelineError
from pipeline.ipc import spare
from pipeline.ipc.child_process import ChildProcess
from pipeline.ipc.processes import ChildProcesses, Printer, library_line
from pipeline.supervisor.replacement import ReplacementLimit

FIRST_QUIET_S = 4.0
"""A short conversation goes without spares, and none of their imports disturbs its beginning."""

NETWORK_QUIET_S, AUDIO_QUIET_S = 1.0, 2.0
"""How long after that, or after a replacement, a spare is started."""

LEAST_MEMORY_BYTES = 1 << 30
"""Of the machine. Below that the memory is better left to others."""


class Spare:
    """Keeps one process in reserve.

    A spare that dies is replaced as often as `ReplacementLimit` allows. Then there is none, and
    the processes that die are replaced by new ones.

    :param name: of the process while it waits.
    :param modules: what it imports.
    :param sockets: all that its work may be given.
    :param quiet_s: how long after a replacement the next spare is started, because what has just
        begun comes first. The first one waits for `FIRST_QUIET_S` more.
    :param now_s: a clock in seconds, such as ``time.monotonic``.
    """

    def __init__(
        self,
        children: ChildProcesses,
        name: str,
        modules: tuple[str, ...],
        sockets: Sequence[socket],
        *,
        quiet_s: float,
        now_s: Callable[[], float],
    ) -> None:
        self._children = children
        self._name = name
        self._modules = modules
        self._sockets = tuple(sockets)
        self._quiet_s = quiet_s
        self._now_s = now_s
        self._child: ChildProcess | None = None
        self._prepared = False
        self._due_s: float | None = None
        self._limit = ReplacementLimit()
        if _memory_bytes() >= LEAST_MEMORY_BYTES:
            self._due_s = now_s() + FIRST_QUIET_S + quiet_s

    def note_prepared(self, name: str) -> None:
        """A spare of that name has imported everything."""
        self._prepared = self._prepared or name == self._name

    def check(self) -> None:
        """Start a spare if it is time; call this a few times a second."""
        if self._due_s is not None and self._now_s() >= self._due_s:
            self._start()

    def take(
        self,
        name: str,
        module: str,
        *args: object,
        on_error: Callable[[PipelineError], None],
        printed: Printer,
    ) -> ChildProcess | None:
        """Let the spare run ``module.main(pipe, *args)``; None if there is none that can."""
        child, self._child = self._child, None
        if child is None:
            return None
        self._start_soon()
        if not self._prepared or child.standing:
            self._children.kill(child)
            return None
        work = spare.begin(module, args, self._sockets)
        self._children.give_work(child, name, work, on_error=on_error, printed=printed)
        return child

    def _start_soon(self) -> None:
        self._due_s = self._now_s() + self._quiet_s

    def _start(self) -> None:
        self._due_s = None
        self._prepared = False
        try:
            self._child = self._children.spawn(
                *(self._name, "pipeline.ipc.spare", self._name, self._modules, self._sockets),
                on_error=self._handle_error,
                printed=library_line,
            )
        except (OSError, RuntimeError):  # no more processes, threads or memory: it goes without
            self._child = None

    def _handle_error(self, _error: PipelineError) -> None:
        self._child = None
        if self._limit.allows(self._now_s()):
            self._start_soon()


def voice_spares(
    children: ChildProcesses, network_sockets: Sequence[socket], audio_sockets: Sequence[socket]
) -> dict[str, Spare]:
    """Return what is in reserve for each voice process: capture and playback share one spare.

    The two begin one after the other, so that they leave processors to the conversation.
    """
    network = Spare(
        children,
        "network spare",
        ("pipeline.network.process",),
        network_sockets,
        quiet_s=NETWORK_QUIET_S,
        now_s=time.monotonic,
    )
    audio = Spare(
        children,
        "audio spare",
        ("pipeline.audio.playback", "pipeline.audio.capture"),
        audio_sockets,
        quiet_s=AUDIO_QUIET_S,
        now_s=time.monotonic,
    )
    return {"network": network, "playback": audio, "capture": audio}


def _memory_bytes() -> int:
    """Memory of the machine; unlimited where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize
