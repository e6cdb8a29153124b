"""A sound card without hardware: JACK's dummy driver, and a peer on its exact clock.

The peer takes the place of the air: it plays what the card's microphone hears, and records what the
card's loudspeaker sounds, sample by sample. It can let the microphone hear the loudspeaker.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.errors import MissingPackageError, PipelineError
from pipeline.pcm import Samples
from pipeline.system.scheduling import promote_this_thread

FULL_SCALE = 32_768
GENEROUS_S = 60.0
"""Timeout of every wait, far beyond what anything takes: it means that something hangs."""
_REAL_TIME_PRIORITY = 80
_LONGEST_RECORDING_S = 150

Sound = npt.NDArray[np.float32]
"""Full scale ±1."""


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
            start_new_session=True,  # Ctrl-C must not reach it: its clients leave first
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
        if self._process.poll() is not None:
            raise PipelineError("The sound server jackd ended by itself.")
        import jack

        try:
            _client("probe", self.server).close()
        except jack.JackError:
            return False
        return True


def check_jack() -> None:
    """:raises MissingPackageError: there is no JACK on this machine."""
    if shutil.which("jackd") is None or importlib.util.find_spec("jack") is None:
        raise MissingPackageError(
            "A sound card without hardware needs JACK, and jackd or its Python package is missing: "
            "install jackd2 with the system's package manager and run `make setup EXTRAS=bench`, "
            "or measure a real card with --device."
        )


class JackPeer:
    """Plays to the program's microphone port and records its loudspeaker port.

    :param records_mouth: whether it also keeps what it plays, echo included.
    """

    def __init__(
        self,
        card: JackCard,
        *,
        longest_s: int = _LONGEST_RECORDING_S,
        records_mouth: bool = False,
    ) -> None:
        self._client = _client("peer", card.server)
        self._mouth = self._client.outports.register("mouth")
        self._ear = self._client.inports.register("ear")
        self._said = np.zeros(0, np.float32)
        self._said_samples = 0
        self._longest_s = longest_s
        self._heard = np.zeros(card.rate_hz * longest_s, np.float32)
        self._spoken = np.zeros(len(self._heard) if records_mouth else 0, np.float32)
        self._heard_samples = 0
        self._period_times_ns: list[int] = []
        self._said_at_ns = 0
        self._said_at_sample = 0
        self._promoted = False
        self._echo = np.zeros(0, np.float32)
        self._drive = 0.0
        self._noise = np.zeros(0, np.float32)
        self._overflowed = False
        self._client.set_process_callback(self._process)

    def __enter__(self) -> Self:
        self._client.activate()
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.deactivate()
        self._client.close()

    def connect(self, check: Callable[[], None] = lambda: None) -> None:
        """Take the place of the card's own ports, as soon as the program has connected to them.

        :param check: called meanwhile; raises if the program has ended.
        """
        for pattern, ours in (
            (r"PortAudio.*:in_0", self._mouth),
            (r"PortAudio.*:out_0", self._ear),
        ):
            self._take_place(ours, self._wait_connected(pattern, check))

    def _wait_connected(self, pattern: str, check: Callable[[], None]) -> Any:  # noqa: ANN401
        def connected() -> bool:
            check()
            return bool(self._connected(pattern))

        wait_until(connected)
        return self._connected(pattern)[0]

    def say(self, sound: Samples) -> None:
        """Play `sound` into the program's microphone port from the next period on."""
        self._said_samples = len(sound)  # silence until the new sound is in place
        self._said = sound.astype(np.float32) / np.float32(FULL_SCALE)
        self._said_at_ns = 0
        self._said_samples = 0

    def open_loudspeaker(self, response: Sound, *, drive: float = 0.0) -> None:
        """Let the microphone hear the loudspeaker through a room of this impulse response.

        :param drive: how hard the loudspeaker is driven: it plays tanh(drive · x); 0: x.
        """
        self._drive = drive
        self._echo = response[::-1].copy()

    def add_noise(self, noise: Sound) -> None:
        """Let the microphone hear `noise` again and again; its length is a multiple of a period."""
        self._noise = noise

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
    def said_at_sample(self) -> int:
        """Number of the sample, among all heard ones, beside which the latest sound began."""
        return self._said_at_sample

    @property
    def said_all(self) -> bool:
        return self._said_samples >= len(self._said)

    def heard(self, start: int = 0) -> Samples:
        """Return all samples of the program's loudspeaker port so far, from `start` on.

        :raises ValueError: a sample is not a 16-bit value.
        """
        if self._overflowed:
            raise ValueError(f"More than {self._longest_s} s were heard.")
        scaled = self._heard[start : self._heard_samples] * np.float32(FULL_SCALE)
        samples = scaled.astype(np.int16)
        if not np.array_equal(samples, scaled):
            raise ValueError("The card got samples that are not 16-bit values.")
        return samples

    def spoken(self) -> Sound:
        """Return all that was played to the microphone port; nothing if it was not kept."""
        return self._spoken[: self._heard_samples].copy()

    def time_ns(self, sample: int) -> int:
        """Return the start of the period in which `sample` was heard, ``time.monotonic_ns``."""
        # Rounded: a period may have just begun, whose samples do not count yet.
        period = round(self._heard_samples / len(self._period_times_ns))
        return self._period_times_ns[sample // period]

    def period_times_ns(self) -> npt.NDArray[np.int64]:
        """Return the start of each period so far, ``time.monotonic_ns``."""
        return np.array(self._period_times_ns, np.int64)

    def _process(self, frames: int) -> None:
        if not self._promoted:
            self._promoted = True
            promote_this_thread(_REAL_TIME_PRIORITY - 1)
        now_ns = time.monotonic_ns()
        out = self._mouth.get_array()
        said, start = self._said, self._said_samples
        count = max(0, min(frames, len(said) - start))
        if count and start == 0:
            self._said_at_sample = self._heard_samples
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
        self._add_room(out, end)
        if len(self._spoken):
            self._spoken[end - frames : end] = out

    def _add_room(self, out: Sound, end: int) -> None:
        """Add echo and noise to what the microphone hears beside the samples that end at `end`."""
        frames, taps = len(out), len(self._echo)
        if taps and end >= frames + taps:
            sounded = self._heard[end - frames - taps + 1 : end]
            if self._drive:
                sounded = np.tanh(sounded * np.float32(self._drive))
            out += np.correlate(sounded, self._echo, "valid")
        if len(self._noise):
            at = (end - frames) % len(self._noise)
            out += self._noise[at : at + frames]

    def _connected(self, pattern: str) -> list[Any]:
        return [p for p in self._client.get_ports(pattern) if self._client.get_all_connections(p)]

    def _take_place(self, ours: Any, theirs: Any) -> None:  # noqa: ANN401 - JACK has no types
        for other in self._client.get_all_connections(theirs):
            self._client.disconnect(*_from_to(other, theirs))
        self._client.connect(*_from_to(ours, theirs))


def wait_until(condition: Callable[[], object]) -> None:
    """:raises PipelineError: it takes longer than anything does."""
    deadline_s = time.monotonic() + GENEROUS_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise PipelineError(f"The sound card was waited for {GENEROUS_S:g} s in vain.")
        time.sleep(0.01)


def _from_to(ours: Any, theirs: Any) -> tuple[Any, Any]:  # noqa: ANN401 - JACK has no types
    return (ours, theirs) if theirs.is_input else (theirs, ours)


def _client(name: str, server: str) -> Any:  # noqa: ANN401 - JACK has no types
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
