"""The program as a user runs it: a process of its own, watched and signalled from outside."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

REPOSITORY = Path(__file__).parents[2]
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux shows segments; absent elsewhere
GENEROUS_S = 60.0
"""Timeout of every wait, far beyond what anything takes: it means that something hangs."""

NO_SOUND_CARD = {"JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": "no-such-server"}


class Program:
    """`python -m pipeline` with `arguments`, in a session of its own, as in its own terminal.

    Leaving the context kills all its processes that still run, so that a failed test leaves none.

    :param first: what a shell does before it becomes the program, such as ``exec >&-``.
    """

    def __init__(
        self,
        *arguments: object,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        first: str = "",
    ) -> None:
        self._out = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by __exit__
        self._err = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            _after(first, self.command(*arguments)),
            cwd=cwd,
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )

    @staticmethod
    def command(*arguments: object) -> list[str]:
        return [sys.executable, "-m", "pipeline", *map(str, arguments)]

    @staticmethod
    def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return this process's environment without settings and sound card, with `more`."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZURE_VOICELIVE_")}
        return {**inherited, "PYTHONPATH": str(REPOSITORY), **NO_SOUND_CARD, **(more or {})}

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the supervisor has not exited yet."""
        return self._process.poll() is None

    def check_running(self) -> None:
        assert self.running, self.said

    @property
    def out(self) -> str:
        """Standard output so far."""
        return os.pread(self._out.fileno(), 1 << 24, 0).decode()

    @property
    def err(self) -> str:
        """Standard error so far."""
        return os.pread(self._err.fileno(), 1 << 24, 0).decode()

    @property
    def said(self) -> str:
        """Everything that it wrote, for messages of failed assertions."""
        return f"--- standard output\n{self.out}\n--- standard error\n{self.err}"

    def wait_output(self, text: str) -> None:
        """Wait until standard output holds `text`."""
        self.wait_until(lambda: text in self.out or not self.running)
        assert text in self.out, self.said

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + GENEROUS_S
        while not condition():
            assert time.monotonic() < deadline_s, f"waited {GENEROUS_S} s in vain\n{self.said}"
            time.sleep(0.005)

    def wait_exit(self, timeout_s: float = GENEROUS_S) -> int:
        """Wait for the supervisor's end; return its exit code, negative if a signal killed it."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s\n{self.said}") from None

    def members(self) -> list[psutil.Process]:
        """Return its living processes, orphans included, in the order of their start."""
        found = [process for process in psutil.process_iter() if self._owns(process)]
        return sorted(found, key=lambda process: process.pid)

    def children(self) -> list[psutil.Process]:
        """Return its processes except the supervisor and multiprocessing's resource tracker."""
        return [p for p in self.members() if p.pid != self.pid and not is_resource_tracker(p)]

    def segments(self) -> set[Path]:
        """Return the shared memory that its processes have mapped."""
        found = set()
        for process in self.members():
            try:
                maps = Path(f"/proc/{process.pid}/maps").read_text()
            except OSError:
                continue
            found |= {Path(word) for word in maps.split() if word.startswith(f"{SHARED_MEMORY}/")}
        return {path for path in found if not path.name.startswith("jack")}

    def interrupt(self) -> None:
        """Press Ctrl-C: like a terminal, send SIGINT to every process of the group."""
        os.killpg(self.pid, signal.SIGINT)

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor alone."""
        self._process.send_signal(number)

    def wait_gone(self) -> None:
        """Wait until none of its processes is left."""
        self.wait_until(lambda: not self.members())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for child in self.children():
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self._process.kill()
        self._process.wait()
        self.wait_gone()  # includes the resource tracker, which ends once it has cleaned up
        self._out.close()
        self._err.close()

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, psutil.Error):
            return False


def _after(first: str, command: list[str]) -> list[str]:
    return ["sh", "-c", f'{first}\nexec "$0" "$@"', *command] if first else command


def is_resource_tracker(process: psutil.Process) -> bool:
    """Whether this is the helper process that multiprocessing keeps until the interpreter exits."""
    try:
        return any("resource_tracker" in argument for argument in process.cmdline())
    except psutil.Error:
        return False
