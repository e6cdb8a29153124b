"""A sound card without hardware: JACK's dummy driver, and a peer on its exact clock.

The peer takes the place of the air: it plays what the card's microphone hears, and records what the
card's loudspeaker sounds, sample by sample.

PortAudio passes an answer's sample k to JACK as exactly k / 32768. In the other direction it scales
by 32766 and adds triangular dither before it truncates, so that a microphone sample is off by up to
3. A signal whose samples must be recognised uses multiples of `STEP`.
"""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tests.support.program import GENEROUS_S, Program
from tests.support.runs import run_against
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples

FULL_SCALE = 32_768
STEP = 16
FRAME_BYTES = 2_400
_REAL_TIME_PRIORITY = 80
_LONGEST_RECORDING_S = 150


class JackCard:
    """A JACK server: mono in, mono out, 5 ms periods.

    It is synchronous: the clock waits for a late client instead of losing a period, so that a busy
    machine changes no sample.
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
        return self

    def kill(self) -> None:
        """End the server without a word; its clients lose their card."""
        self._process.kill()
        self._process.wait()

    def restart(self, rate_hz: int) -> None:
        """Start a server of the same name again."""
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
                *("jackd", "-r", "-S", "-t", "5000", "-n", self.server),
                *("-d", "dummy", "-r", str(self.rate_hz), "-p", str(self.rate_hz // 200)),
                *("-C", "1", "-P", "1"),
            ],
            env={**os.environ, "JACK_NO_AUDIO_RESERVATION": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(self._answers)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(GENEROUS_S)
        finally:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, "jackd ended by itself"
        import jack

        try:
            _client("probe", self.server).close()
        except jack.JackError:
            return False
        return True


class JackPeer:
    """Plays to the program's microphone port and records its loudspeaker port."""

    def __init__(self, card: JackCard) -> None:
        self._client = _client("peer", card.server)
        self._mouth = self._client.outports.register("mouth")
        self._ear = self._client.inports.register("ear")
        self._said = np.zeros(0, np.float32)
        self._said_samples = 0
        self._heard = np.zeros(card.rate_hz * _LONGEST_RECORDING_S, np.float32)
        self._heard_samples = 0
        self._period_times_ns: list[int] = []
        self._said_at_ns = 0
        self._promoted = False
        self._echo = np.zeros(0, np.float32)
        self._overflowed = False
        self._client.set_process_callback(self._process)

    def __enter__(self) -> Self:
        self._client.activate()
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.deactivate()
        self._client.close()

    def connect(self, program: Program) -> None:
        """Take the place of the card's own ports, as soon as the program has connected to them."""
        for pattern, ours in (
            (r"PortAudio.*:in_0", self._mouth),
            (r"PortAudio.*:out_0", self._ear),
        ):
            self._take_place(ours, self._wait_connected(program, pattern))

    def _wait_connected(self, program: Program, pattern: str) -> Any:
        program.wait_until(lambda: not program.running or self._connected(pattern))
        assert program.running, program.said
        return self._connected(pattern)[0]

    def say(self, sound: Samples) -> None:
        """Play `sound` into the program's microphone port from the next period on."""
        self._said_samples = len(sound)  # silence until the new sound is in place
        self._said = sound.astype(np.float32) / np.float32(FULL_SCALE)
        self._said_at_ns = 0
        self._said_samples = 0

    def open_loudspeaker(self, response: npt.NDArray[np.float32]) -> None:
        """Let the microphone hear the loudspeaker through a room of this impulse response."""
        self._echo = response[::-1].copy()

    def wire_loudspeaker_to_microphone(self) -> None:
        """Let the microphone hear the loudspeaker, in the same period, and nothing else."""
        (loudspeaker,) = self._connected(r"PortAudio.*:out_0")
        (microphone,) = self._connected(r"PortAudio.*:in_0")
        self._client.disconnect(self._mouth, microphone)
        self._client.connect(loudspeaker, microphone)

    @property
    def heard_samples(self) -> int:
        """Number of samples that were heard so far."""
        return self._heard_samples

    @property
    def said_at_ns(self) -> int:
        """Start of the period in which the latest sound began, ``time.monotonic_ns``; 0 before."""
        return self._said_at_ns

    @property
    def said_all(self) -> bool:
        return self._said_samples >= len(self._said)

    def heard(self, start: int = 0) -> Samples:
        """Return all samples of the program's loudspeaker port so far, from `start` on.

        :raises ValueError: a sample is not a 16-bit value.
        """
        assert not self._overflowed, f"more than {_LONGEST_RECORDING_S} s were heard"
        scaled = self._heard[start : self._heard_samples] * np.float32(FULL_SCALE)
        samples = scaled.astype(np.int16)
        if not np.array_equal(samples, scaled):
            raise ValueError("The card got samples that are not 16-bit values.")
        return samples

    def time_ns(self, sample: int) -> int:
        """Return the start of the period in which `sample` was heard, ``time.monotonic_ns``."""
        period = self._heard_samples // len(self._period_times_ns)
        return self._period_times_ns[sample // period]

    def _process(self, frames: int) -> None:
        if not self._promoted:
            self._promoted = True
            _promote_thread()
        now_ns = time.monotonic_ns()
        out = self._mouth.get_array()
        said, start = self._said, self._said_samples
        count = max(0, min(frames, len(said) - start))
        if count and start == 0:
            self._said_at_ns = now_ns
        out[:count] = said[start : start + count]
        out[count:] = 0
        self._said_samples = start + count
        end = self._heard_samples + frames
        if end > len(self._heard):  # an exception here would end the thread, and `close` would hang
            self._overflowed = True
            return
        self._period_times_ns.append(now_ns)
        self._heard[self._heard_samples : end] = self._ear.get_array()
        self._heard_samples = end
        taps = len(self._echo)
        if taps and end >= frames + taps:
            sounded = self._heard[end - frames - taps + 1 : end]
            out += np.correlate(sounded, self._echo, "valid")

    def _connected(self, pattern: str) -> list[Any]:
        return [p for p in self._client.get_ports(pattern) if self._client.get_all_connections(p)]

    def _take_place(self, ours: Any, theirs: Any) -> None:
        for other in self._client.get_all_connections(theirs):
            self._client.disconnect(*_from_to(other, theirs))
        self._client.connect(*_from_to(ours, theirs))


def _from_to(ours: Any, theirs: Any) -> tuple[Any, Any]:
    return (ours, theirs) if theirs.is_input else (theirs, ours)


@dataclass(frozen=True)
class Talk:
    """A running conversation over a card."""

    program: Program
    peer: JackPeer
    service: ScriptedService

    @property
    def session(self) -> ScriptedSession:
        (session,) = self.service.sessions
        return session

    def say(self, sound: Samples) -> None:
        """Speak `sound` and wait until the service has received it."""
        self.peer.say(sound)
        wait_until(lambda: self.peer.said_all)
        bytes_by_now = len(self.session.heard)
        wait_until(lambda: len(self.session.heard) > bytes_by_now + 4 * FRAME_BYTES)

    def arrived(self) -> Samples:
        return np.frombuffer(bytes(self.session.heard), np.int16)

    def wait_ready(self) -> None:
        """Wait until all answers have been heard."""
        self.program.wait_output("\nReady\n")


@contextmanager
def talking(card: JackCard, folder: Path, *arguments: object) -> Iterator[Talk]:
    """Run the program over `card`; yield it when it is ready, and end it by Ctrl-C."""
    with (
        JackPeer(card) as peer,
        ScriptedService() as service,
        run_against(service, folder, *arguments, environment=card.environment) as program,
    ):
        peer.connect(program)
        program.wait_output("Ready: speak")
        try:
            yield Talk(program, peer, service)
        finally:
            # Also after a failure: the card waits for a killed client, and then so does `peer`.
            if program.running:
                program.interrupt()
            exit_code = program.wait_exit()
        assert exit_code == 0, program.said
        assert not program.err


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {GENEROUS_S} s in vain"
        time.sleep(0.01)


def decoded(samples: Samples) -> Samples:
    """Return microphone samples on the grid of `STEP` on which they were played."""
    grid = np.rint(samples.astype(np.float64) * FULL_SCALE / 32_766 / STEP) * STEP
    return grid.astype(np.int16)


def _client(name: str, server: str) -> Any:
    import jack  # loads JACK's library, which only machines with a card have

    jack.set_error_function(lambda _message: None)
    jack.set_info_function(lambda _message: None)
    return jack.Client(name, servername=server, no_start_server=True)


def _real_time() -> list[str]:
    """Return the command prefix for real-time scheduling; empty where it is not allowed."""
    prefix = ["chrt", "-f", str(_REAL_TIME_PRIORITY)]
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return []
    return prefix if allowed.returncode == 0 else []


def _promote_thread() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_REAL_TIME_PRIORITY - 1))
    except PermissionError:
        return
