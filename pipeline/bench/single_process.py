"""The usual single-process design as a client: a program of its own that `bench` starts."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

from pipeline.bench.clients import Client, ClientState, Design
from pipeline.config.settings import Settings
from pipeline.errors import ProcessDiedError, UsageError
from pipeline.ipc.events import MissedPeriod
from pipeline.pcm import FRAME_MS

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "single_process.py"

PERIOD_MS = 50.0
"""1200 samples, as in the usual sample program."""

PLAYS_ON_MS = 300
"""One delta of 200 ms and two device periods."""

STOP_S = 10.0


def single_process() -> Design:
    """Return the usual design.

    :raises UsageError: the package is installed without its repository.
    """
    if not PROGRAM.is_file():
        raise UsageError(
            "--compare needs the other client, which only the project's repository holds. "
            "Clone it and run bench there."
        )
    return Design(
        "single process",
        PERIOD_MS,
        FRAME_MS,
        plays_on_ms=PLAYS_ON_MS,
        plays_late_deltas=True,
        start=_run,
    )


@contextmanager
def _run(settings: Settings) -> Iterator[Client]:
    arguments = {
        "--endpoint": settings.endpoint or "",
        "--input": settings.input or "",
        "--output": settings.output or "",
        "--period-ms": str(settings.period_ms),
    }
    environment = {
        **os.environ,
        "AZURE_VOICELIVE_API_KEY": settings.api_key or "",
        "PYTHONPATH": str(PROGRAM.parents[1]),
    }
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, str(PROGRAM), *chain.from_iterable(arguments.items())],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C must not reach it: it ends with its standard input
        ) as process,
    ):
        try:
            client = _SingleProcess(process, errors)
            yield client
            client.stop()
        finally:
            process.kill()


class _SingleProcess:
    """Reads the reports that the program prints, one JSON object a line."""

    def __init__(self, process: "subprocess.Popen[str]", errors: IO[str]) -> None:
        self.state = ClientState()
        self._process = process
        self._errors = errors
        self._reported = threading.Event()
        self._reader = threading.Thread(target=self._read, name="single process", daemon=True)
        self._reader.start()

    def wait_reports(self, timeout_s: float) -> None:
        self._reported.wait(timeout_s)
        self._reported.clear()
        if (code := self._process.poll()) is not None:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["no message"]
            raise ProcessDiedError(
                f"The single process ended unexpectedly (exit code {code}): {last[0]}"
            )

    def processes(self) -> dict[str, int]:
        return {"single process": self._process.pid}

    def stop(self) -> None:
        """End it by closing its standard input, and read its last reports."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(STOP_S)
        self._reader.join(STOP_S)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            match json.loads(line):
                case {"part": part, "start_ns": start_ns}:
                    self.state.clock_starts_ns[part] = start_ns
                case {"part": part, "missed": periods}:
                    self.state.missed[part] += [MissedPeriod(*times) for times in periods]
            self._reported.set()
