"""How late answers sound, and how late the microphone is sent."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.bench.ears.recording import Recording, first_sample
from pipeline.bench.ears.sent import sent_offset
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ, Samples, ms_to_samples

_RECENT_SAMPLES = ms_to_samples(200)


def speaks_ms(recording: Recording) -> list[float]:
    """Return the time from the first delta to the first sample of each answer."""
    return [
        recording.time_ms(first_sample(recording, spoken), spoken.sent_ns)
        - _leading(spoken.sound) * 1_000 / SAMPLE_RATE_HZ
        for spoken in recording.spoken
    ]


def microphone_delays_ms(recording: Recording) -> list[float]:
    """Return, for each piece that was sent while an answer sounded, how old its last sample was.

    It counts from the card's period in which the microphone heard that sample.
    """
    offset = sent_offset(recording)
    sounding = _recently_sounding(recording.heard)
    found = []
    for arrived_ns, sent in recording.arrivals:
        last = sent - 1 - offset
        if recording.marker_sample < last < recording.heard.size and sounding(last):
            found.append((arrived_ns - recording.period_ns(last)) / NS_PER_MS)
    return found


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
