"""A program's own microphone and speaker: what it declares, gives and is given."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.errors import SoundError
from pipeline.pcm import SAMPLE_RATE_HZ, Samples

LOWEST_RATE_HZ = 4_000
HIGHEST_RATE_HZ = 192_000
MOST_CHANNELS = 32

Pcm = bytes | bytearray | memoryview | npt.NDArray[np.int16]
"""PCM16 in the machine's byte order, channels interleaved, or an int16 array of shape
``(samples,)`` or ``(samples, channels)``."""


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """The format of a program's sound, PCM16. "Samples" counts those of one channel.

    :raises SoundError: a number is out of range.
    """

    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1

    def __post_init__(self) -> None:
        _check_number("rate_hz", self.rate_hz, LOWEST_RATE_HZ, HIGHEST_RATE_HZ)
        _check_number("channels", self.channels, 1, MOST_CHANNELS)

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return 2 * self.channels

    def mono(self, pcm: object, source: str) -> Samples:
        """Return the mean of the channels, shape ``(samples,)``; one channel stays as it is.

        :param source: who gave `pcm`, such as "The microphone", for the sentence.
        :raises SoundError: it is not PCM16 of this format.
        """
        samples = self._samples(pcm, source)
        if self.channels == 1:
            return samples.reshape(-1)
        mixed = samples.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        mono: Samples = np.rint(mixed).astype(np.int16)
        return mono

    def interleaved(self, samples: Samples) -> npt.NDArray[np.int16]:
        """Return mono samples on all channels, shape ``(samples, channels)``."""
        return np.repeat(samples[:, np.newaxis], self.channels, axis=1)

    def _samples(self, pcm: object, source: str) -> npt.NDArray[np.int16]:
        if isinstance(pcm, bytes | bytearray | memoryview):
            return self._from_bytes(memoryview(pcm), source)
        if not isinstance(pcm, np.ndarray):
            raise SoundError(f"{source} gave {type(pcm).__name__}, {self._expected}.")
        fits = pcm.ndim == 1 and len(pcm) % self.channels == 0
        fits = fits or (pcm.ndim == 2 and pcm.shape[1] == self.channels)
        if pcm.dtype != np.int16 or not fits:
            raise SoundError(
                f"{source} gave an array of {pcm.dtype}, shape {pcm.shape}, {self._expected}."
            )
        return pcm

    def _from_bytes(self, pcm: memoryview, source: str) -> npt.NDArray[np.int16]:
        if pcm.nbytes % self.sample_bytes:
            raise SoundError(
                f"{source} gave {pcm.nbytes} bytes, {self._expected}: whole samples are a "
                f"multiple of {self.sample_bytes} bytes."
            )
        return np.frombuffer(pcm, np.int16)

    @property
    def _expected(self) -> str:
        return f"expected PCM16 of {self.channels} channel(s) as bytes or as an int16 array"


Source = (
    AsyncIterable[Pcm]
    | Iterable[Pcm]
    | Callable[[int], Pcm | None]
    | Callable[[int], Awaitable[Pcm | None]]
)


@dataclass(frozen=True, slots=True)
class MicrophoneInput:
    """A microphone that the program is itself.

    :param source: an iterable, asynchronous or not, which is taken from as its blocks come, but at
        most 10 s ahead of real time: it paces the sound. If the ears listen or turns are marked,
        0.1 s, and a longer block passes in parts. Or a function, asynchronous or not, that
        is called with the number of samples that are due each 20 ms: a clock paces the sound. It
        may wait, give more or fewer, and gives ``b""`` for nothing now. The end of the iterable,
        and None from the function, end the conversation when all has been answered.
    """

    source: Source
    format: SoundFormat = field(default_factory=SoundFormat)

    def __post_init__(self) -> None:
        if isinstance(self.source, str | bytes | bytearray | memoryview | np.ndarray) or not (
            callable(self.source) or isinstance(self.source, AsyncIterable | Iterable)
        ):
            raise SoundError(
                f"The microphone is {type(self.source).__name__}, expected a function or an "
                "iterable of blocks of PCM16."
            )


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """Samples that a program's speaker is to sound."""

    answer: int
    """The answer, counted from 1; 0: silence."""
    position: int
    """Place of the first sample in the answer, in samples of the speaker's format."""
    samples: npt.NDArray[np.int16]
    """Shape ``(samples, channels)``."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def end(self) -> int:
        """Place just after the last sample."""
        return self.position + len(self.samples)

    @property
    def pcm(self) -> bytes:
        """The samples as bytes, channels interleaved, in the machine's byte order."""
        return self.samples.tobytes()


class SoundDrop(NamedTuple):
    """An interruption: of what was given before this, the program drops the end at once.

    Everything from sample `position` of `answer` on, and every later answer, is not to sound.
    """

    answer: int
    position: int

    def concerns(self, block: SoundBlock) -> bool:
        """Whether a part of a block that was given before is not to sound."""
        return block.answer > 0 and (block.answer, block.end) > (self.answer, self.position)


SpeakerItem = SoundBlock | SoundDrop
Sink = Callable[[SpeakerItem], object] | Callable[[SpeakerItem], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class SpeakerOutput:
    """A speaker that the program is itself.

    :param sink: a function, asynchronous or not, called with each `SoundBlock` and `SoundDrop`;
        None: the program iterates over ``session.speaker``.
    :param paced_by: "clock": blocks come in real time. "caller": ``session.speaker.request(n)``
        asks for n samples more, which come as soon as there are any.
    :param heard: "delivered": a block counts as heard when it was given. "confirmed": when the
        program says so, with ``session.speaker.heard_until(…)``.
    :param silence: whether silence is given too, while no answer sounds, as answer 0.
    """

    sink: Sink | None = None
    format: SoundFormat = field(default_factory=SoundFormat)
    paced_by: Literal["clock", "caller"] = "clock"
    heard: Literal["delivered", "confirmed"] = "delivered"
    silence: bool = False

    def __post_init__(self) -> None:
        if self.sink is not None and not callable(self.sink):
            raise SoundError(
                f"The speaker is {type(self.sink).__name__}, expected a function that takes "
                "blocks, or None to iterate over session.speaker."
            )
        _check_choice("paced_by", self.paced_by, ("clock", "caller"))
        _check_choice("heard", self.heard, ("delivered", "confirmed"))


def _check_number(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        raise SoundError(f"{name} is {value!r}, expected a whole number from {least} to {most}.")


def _check_choice(name: str, value: object, choices: tuple[str, str]) -> None:
    if value not in choices:
        raise SoundError(f"{name} is {value!r}, expected {choices[0]!r} or {choices[1]!r}.")
