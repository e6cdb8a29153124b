"""The command `run` on a terminal as a client: its live screen is drawn, and read by nobody.

What it tells of its cards is read from what it records.
"""

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pipeline.bench.clients import Client, ClientState, Design
from pipeline.config.settings import Settings, options
from pipeline.errors import ProcessDiedError
from pipeline.ipc.events import MissedPeriod
from pipeline.recorder.job import EVENTS_NAME

SIZE = 24, 80
END_S = 5.0
"""How long the program may take to end; it takes about a second."""
_LOOK_S = 0.05
_SHOWN_BYTES = 2_000
_FOLDER = Path(__file__).parents[2]


def screen_user(design: Design) -> Design:
    """Return this program's design as a person uses it on a terminal; it plays to a WAV file."""
    return replace(design, start=_run, device=None)


@contextmanager
def _run(settings: Settings) -> Iterator[Client]:
    with _ScreenUser(settings) as user:
        yield user


class _ScreenUser:
    """Runs the program.

    :param settings: must have a folder to record to.
    """

    def __init__(self, settings: Settings) -> None:
        self.state = ClientState()
        self._events = Path(settings.record or "") / EVENTS_NAME
        self._read_bytes = 0
        self._shown = b""
        self._terminal, device = _pseudo_terminal()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", *_arguments(settings)],
            stdin=device,
            stdout=device,
            stderr=device,
            env=_environment(settings),
            cwd=self._events.parents[1],
            start_new_session=True,
        )
        os.close(device)
        self._reader = threading.Thread(target=self._read_screen, name="screen", daemon=True)
        self._reader.start()

    def wait_reports(self, timeout_s: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(min(timeout_s, _LOOK_S))
        self._read_events()
        if self._process.returncode:
            shown = self._shown.decode(errors="replace")
            raise ProcessDiedError(f"The program on the terminal has ended:\n{shown}")
        if self._process.returncode == 0:
            time.sleep(min(timeout_s, _LOOK_S))  # the recorded input is over

    def processes(self) -> dict[str, int]:
        return {"screen": self._process.pid}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            os.close(self._terminal)
        self._read_events()

    def _read_screen(self) -> None:
        with suppress(OSError):  # the program has ended
            while part := os.read(self._terminal, 65_536):
                self._shown = (self._shown + part)[-_SHOWN_BYTES:]

    def _read_events(self) -> None:
        try:
            with self._events.open("rb") as events:
                events.seek(self._read_bytes)
                whole, line_end, _ = events.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self._read_bytes += len(whole) + len(line_end)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"event": "clock_started", "part": part, "start_ns": start_ns}:
                self.state.clock_starts_ns[part] = start_ns
            case {"event": "periods_missed", "part": part, "periods": periods}:
                self.state.missed[part] += [MissedPeriod(*period) for period in periods]
            case {"event": "finished"}:
                self.state.finished = True


def _pseudo_terminal() -> tuple[int, int]:
    """Open a terminal of `SIZE`; return its far side and its device."""
    import fcntl
    import pty
    import termios

    terminal, device = pty.openpty()
    fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    return terminal, device


def _arguments(settings: Settings) -> Iterator[str]:
    """Yield the flags of all settings that are not the default ones, save secrets."""
    for option in options():
        value = getattr(settings, option.name)
        if option.secret or value == option.default:
            continue
        if option.kind is bool:
            yield option.flag if value else f"--no-{option.flag[2:]}"
        else:
            for each in value if option.repeatable else (value,):
                yield from (option.flag, str(each))


def _environment(settings: Settings) -> dict[str, str]:
    own = {option.environment for option in options()}
    secrets = {
        option.environment: value
        for option in options()
        if option.secret and (value := getattr(settings, option.name)) is not None
    }
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    terminal = {"TERM": "xterm-256color", "PYTHONPATH": str(_FOLDER)}
    return {**inherited, **secrets, **terminal}
