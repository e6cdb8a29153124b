"""Commands on their way to a child that may read them late, or never."""

import pickle
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Protocol

from pipeline.ipc.commands import Command
from pipeline.system.signals import ending_signals_blocked


class CommandPipe(Protocol):
    """What is common to the pipes of all systems."""

    def send_bytes(self, buf: bytes, /) -> None:
        """Write all bytes as one message, however long that takes."""


class CommandSender:
    """Writes commands to a child's pipe in a thread of its own, which starts with the first one.

    A pipe takes some 200 KB that the child has not read; then a write waits, here and nowhere else.
    """

    UNREAD_BYTES = 64 * 1024 * 1024
    """A child that leaves more unread is stuck for good."""

    def __init__(self, name: str, pipe: CommandPipe) -> None:
        self._pipe = pipe
        self._commands: SimpleQueue[bytes | None] = SimpleQueue()
        self._unread_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write, name=f"{name} commands", daemon=True)

    def send(self, command: Command) -> bool:
        """Queue a command; False if the child has left too much unread. Never waits."""
        data = pickle.dumps(command)
        with self._lock:
            if self._unread_bytes + len(data) > self.UNREAD_BYTES:
                return False
            self._unread_bytes += len(data)
        self._commands.put(data)
        if self._thread.ident is None:
            with ending_signals_blocked():  # threads inherit the mask
                self._thread.start()
        return True

    def stop(self, within_s: float) -> None:
        """End the thread; call this when the other end of the pipe takes no more."""
        self._commands.put(None)
        if self._thread.ident is not None:
            self._thread.join(within_s)

    def _write(self) -> None:
        while (data := self._commands.get()) is not None:
            with suppress(OSError):  # the child has ended: the rest of the commands is void
                self._pipe.send_bytes(data)
            with self._lock:
                self._unread_bytes -= len(data)
