"""A sound card without hardware: JACK's dummy driver."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

from pipeline.errors import MissingPackageError, PipelineError

GENEROUS_S = 60.0
"""Timeout of every wait, far beyond what anything takes: it means that something hangs."""
REAL_TIME_PRIORITY = 80
"""Of the server."""
_PATIENCE_MS = 2_000
"""How late a client may be."""

T = TypeVar("T")


class JackCard:
    """A JACK server: mono in, mono out, 5 ms periods.

    It is synchronous: the clock waits for a late client instead of losing a period, so that a busy
    machine changes no sample. It also waits for a client that was killed, with each of its two
    drivers in turn, and no other client can leave meanwhile.
    """

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.rate_hz = rate_hz
        self.server = f"voice-{uuid.uuid4().hex[:8]}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which a process finds this card and no other."""
        return {"JACK_DEFAULT_SERVER": self.server, "JACK_NO_START_SERVER": "1"}

    def __enter__(self) -> Self:
        self._start()
        try:
            self.client("probe").close()
        except BaseException:
            self.__exit__()
            raise
        return self

    def client(self, name: str) -> Any:  # noqa: ANN401 - JACK has no types
        """Return a client, as soon as the server lets it in.

        JACK's servers of one user share a database, and refuse clients while one of them begins.

        :raises PipelineError: the server has ended, or lets nobody in.
        """
        import jack  # loads JACK's library, which only machines with a card have

        jack.set_error_function(lambda _message: None)
        jack.set_info_function(lambda _message: None)

        def let_in() -> Any:  # noqa: ANN401
            if self._process.poll() is not None:
                raise PipelineError("The sound server jackd ended by itself.")
            with suppress(jack.JackOpenError):
                return jack.Client(name, servername=self.server, no_start_server=True)
            return None

        return wait_until(let_in)

    def kill(self) -> None:
        """End the server without a word; its clients lose their card."""
        self._process.kill()
        self._process.wait()

    def restart(self, rate_hz: int) -> None:
        """Start a server of the same name again; `client` waits for it.

        It is not probed: when one client leaves while another enters, JACK may not tell the other,
        which then wakes the one that left in the place of the next one, and the card stands still.
        """
        self.rate_hz = rate_hz
        self._start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the server stand still."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [
                *_real_time(),
                # In synchronous mode jackd waits ten times the timeout that it is given.
                *("jackd", "-r", "-S", "-t", str(_PATIENCE_MS // 10), "-n", self.server),
                *("-d", "dummy", "-r", str(self.rate_hz), "-p", str(self.rate_hz // 200)),
                *("-C", "1", "-P", "1"),
            ],
            env={**os.environ, "JACK_NO_AUDIO_RESERVATION": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must not reach it: its clients leave first
        )

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(GENEROUS_S)
        finally:
            self._process.kill()
            self._process.wait()


def check_jack() -> None:
    """:raises MissingPackageError: there is no JACK on this machine."""
    if shutil.which("jackd") is None or importlib.util.find_spec("jack") is None:
        raise MissingPackageError(
            "A sound card without hardware needs JACK, and jackd or its Python package is missing: "
            "install jackd2 with the system's package manager and run `make setup EXTRAS=bench`, "
            "or measure a real card with --device."
        )


def wait_until(condition: Callable[[], T]) -> T:
    """Return what `condition` returns, as soon as that is true.

    :raises PipelineError: it takes longer than anything does.
    """
    deadline_s = time.monotonic() + GENEROUS_S
    while not (result := condition()):
        if time.monotonic() > deadline_s:
            raise PipelineError(f"The sound card was waited for {GENEROUS_S:g} s in vain.")
        time.sleep(0.01)
    return result


def _real_time() -> list[str]:
    """Return the command prefix for real-time scheduling; empty where it is not allowed."""
    prefix = ["chrt", "-f", str(REAL_TIME_PRIORITY)]
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return []
    return prefix if allowed.returncode == 0 else []
