"""A peer of the program on the exact clock of a JACK card.

The peer takes the place of the air: it plays what the card's microphone hears, and records what the
card's loudspeaker sounds, sample by sample. It can let the microphone hear the loudspeaker.
"""

import time
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.bench.jack_card import REAL_TIME_PRIORITY, JackCard, wait_until
from pipeline.pcm import FULL_SCALE, Samples, Sound
from pipeline.system.scheduling import promote_this_thread

_LONGEST_RECORDING_S = 150


class _Said:
    """A sound on its way to the program's microphone port, and how far it has come.

    Only the callback's thread changes it.
    """

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self._place = 0
        self.at_ns = 0
        self.at_sample = 0

    @property
    def over(self) -> bool:
        return self._place >= len(self._sound)

    def play(self, out: Sound, now_ns: int, sample: int) -> None:
        """Fill `out`, which begins at `now_ns` with this sample, with what follows."""
        start = self._place
        count = min(len(out), len(self._sound) - start)
        if count and start == 0:
            self.at_sample = sample
            self.at_ns = now_ns  # last: others wait for it
        out[:count] = self._sound[start : start + count]
        out[count:] = 0
        self._place = start + count


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
        self._client = card.client("peer")
        self._mouth = self._client.outports.register("mouth")
        self._ear = self._client.inports.register("ear")
        self._said = _Said(np.zeros(0, np.float32))
        self._longest_s = longest_s
        self._heard = np.zeros(card.rate_hz * longest_s, np.float32)
        self._spoken = np.zeros(len(self._heard) if records_mouth else 0, np.float32)
        self._heard_samples = 0
        self._period_times_ns: list[int] = []
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
        def connected() -> list[Any]:
            check()
            return self._connected(pattern)

        return wait_until(connected)[0]

    def say(self, sound: Samples) -> None:
        """Play `sound` into the program's microphone port from the next period on."""
        # One store hands it over: the callback may be about to count what it took of another.
        self._said = _Said(sound.astype(np.float32) / np.float32(FULL_SCALE))

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
        return self._said.at_ns

    @property
    def said_at_sample(self) -> int:
        """Number of the sample, among all heard ones, beside which the latest sound began."""
        return self._said.at_sample

    @property
    def said_all(self) -> bool:
        return self._said.over

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
            promote_this_thread(REAL_TIME_PRIORITY - 1)
        now_ns = time.monotonic_ns()
        out = self._mouth.get_array()
        self._said.play(out, now_ns, self._heard_samples)
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


def _from_to(ours: Any, theirs: Any) -> tuple[Any, Any]:  # noqa: ANN401 - JACK has no types
    return (ours, theirs) if theirs.is_input else (theirs, ours)
