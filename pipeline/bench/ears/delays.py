"""How late answers sound, and how late the microphone is sent."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.bench.ears.recording import Recording, first_sample
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ, Samples, ms_to_samples

_RECENT_SAMPLES = ms_to_samples(200)
_KNOWN_AFTER_SAMPLES = ms_to_samples(700)


def speaks_ms(recording: Recording) -> list[float]:
    """Return the time from the first delta to the first sample of each answer."""
    return [
        recording.time_ms(first_sample(recording, spoken), spoken.sent_ns)
        - _leading(spoken.sound) * 1_000 / SAMPLE_RATE_HZ
        for spoken in recording.spoken
    ]


@dataclass(frozen=True)
class MicrophoneDelays:
    """How old the last sample of each piece was when it arrived, in ms; an answer sounded.

    It counts from the card's period in which the microphone heard that sample.
    """

    alone: list[float]
    """While nothing was heard beside the answer."""
    kept: list[float]
    """While a person or a noise was: it may be kept back until it is known what it is."""


def microphone_delays(recording: Recording, offset: int) -> MicrophoneDelays:
    """Return the delays of the pieces that were sent while an answer sounded.

    :param offset: as of `sent_offset`.
    """
    sounding, accompanied = _recently_sounding(recording.heard), _accompanied(recording)
    delays = MicrophoneDelays([], [])
    for arrived_ns, sent in recording.arrivals:
        last = sent - 1 - offset
        if recording.marker_sample < last < recording.heard.size and sounding(last):
            found = delays.kept if accompanied(last) else delays.alone
            found.append((arrived_ns - recording.period_ns(last)) / NS_PER_MS)
    return delays


def _accompanied(recording: Recording) -> Callable[[int], bool]:
    """Return whether anything was, or had just been, heard beside the answers at a sample."""
    intervals = [
        (begin, begin + length + _KNOWN_AFTER_SAMPLES)
        for spoken in recording.spoken
        for _, begin, length in spoken.said
    ]
    return lambda sample: any(begin <= sample < end for begin, end in intervals)


def _leading(sound: Samples) -> int:
    """Return the number of silent samples at the beginning."""
    return len(sound) - len(np.trim_zeros(sound, "f"))


def _recently_sounding(heard: Samples) -> "_Sounding":
    return _Sounding(np.concatenate([[0], np.cumsum(heard != 0)]))


@dataclass(frozen=True)
class _Sounding:
    """Whether an answer sounded shortly before a sample."""

    sounding_until: npt.NDArray[np.int64]

    def __call__(self, sample: int) -> bool:
        before = max(0, sample - _RECENT_SAMPLES)
        return bool(self.sounding_until[sample] > self.sounding_until[before])
