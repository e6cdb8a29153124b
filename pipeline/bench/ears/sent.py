"""What was sent to the service, and where it lies beside what the card heard."""

import numpy as np

from pipeline.bench.ears.recording import Recording
from pipeline.bench.ears.sounds import sound_of
from pipeline.pcm import SAMPLE_RATE_HZ, Samples, Sound, ms_to_samples

AFTER_SAMPLES = ms_to_samples(200)
"""What is sent behind a phrase belongs to it for so long."""
_LEAST_POWER = 1e-9
"""-90 dBFS: below it there are rounding errors only."""


def sent_offset(recording: Recording) -> int:
    """Return the place of a sample in what was sent, less its place at the card."""
    until = recording.marker_sample + 5 * SAMPLE_RATE_HZ
    found = best_lag(sound_of(recording.marker), sound_of(recording.sent[:until]))
    return found - recording.marker_sample


def best_lag(template: Sound, sound: Sound) -> int:
    """Return where in `sound` `template` begins, however loud it is there."""
    size = 1 << (sound.size + template.size).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(template, size))
    alike = np.fft.irfft(spectrum, size)[: sound.size]
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    ends = np.minimum(np.arange(sound.size) + template.size, sound.size)
    energies = energy[ends] - energy[: sound.size]
    return int(np.argmax(alike / np.sqrt(energies + _LEAST_POWER * template.size)))


def sent_phrases(recording: Recording, offset: int) -> list[tuple[str, int, Sound]]:
    """Return what was sent of each phrase over an answer, behind the answer's kind and its number.

    :param offset: as of `sent_offset`.
    """
    return [
        (spoken.kind, number, sound_of(recording.sent[start + offset :][: length + AFTER_SAMPLES]))
        for spoken in recording.spoken
        if spoken.kind in {"double talk", "interrupted"}
        for number, start, length in spoken.said
    ]


def sent_answers(recording: Recording, offset: int) -> Samples:
    """Return what was sent while the first answers sounded, over which nobody spoke.

    :param offset: as of `sent_offset`.
    """
    parts = [
        recording.sent[spoken.start_sample + offset : spoken.end_sample + offset]
        for spoken in recording.spoken
        if spoken.kind in {"first", "quiet"}
    ]
    return np.concatenate(parts)


def seconds(samples: Samples) -> float:
    return samples.size / SAMPLE_RATE_HZ
