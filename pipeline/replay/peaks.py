"""Waveforms as the least and the greatest value of each bucket of samples."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from pipeline.recorder.wave_file import CHANNELS

LEAST_BUCKET = 16
MOST_BUCKETS = 500_000
"""Of a channel; a page holds four bytes for each."""

_BLOCK_BUCKETS = 4_096


class Peaks(NamedTuple):
    """The base of the pyramid; the page halves it until it fits its width.

    :ivar values: shape ``(channels, buckets, 2)``, int8: least and greatest value. They are rounded
        away from 0, so that the smallest sound is seen.
    """

    bucket_samples: int
    values: npt.NDArray[np.int8]


def bucket_samples(samples: int) -> int:
    """Return the samples of a bucket: the smallest power of 2 that `MOST_BUCKETS` allows."""
    bucket = LEAST_BUCKET
    while samples > bucket * MOST_BUCKETS:
        bucket *= 2
    return bucket


def peaks_of(sound: soundfile.SoundFile) -> Peaks:
    """Read all of a sound, from its beginning."""
    bucket = bucket_samples(sound.frames)
    sound.seek(0)
    parts = [
        peaks_in(block, bucket)
        for block in sound.blocks(bucket * _BLOCK_BUCKETS, dtype="int16", always_2d=True)
    ]
    empty = np.zeros((CHANNELS, 0, 2), np.int8)
    return Peaks(bucket, np.concatenate([empty, *parts], axis=1))


def peaks_in(block: npt.NDArray[np.int16], bucket: int) -> npt.NDArray[np.int8]:
    """Return the peaks of samples of shape ``(samples, channels)``.

    The last bucket may be short.
    """
    missing = -len(block) % bucket
    padded = np.pad(block, ((0, missing), (0, 0)), mode="edge") if missing else block
    # A copy whose buckets lie in one piece: numpy finds the peaks of it 20 times faster.
    buckets = np.ascontiguousarray(padded.T).reshape(block.shape[1], -1, bucket)
    least = buckets.min(axis=2).astype(np.int32)
    greatest = buckets.max(axis=2).astype(np.int32)
    both = np.stack([least // 256, -(-greatest // 256)], axis=2)
    peaks: npt.NDArray[np.int8] = np.clip(both, -128, 127).astype(np.int8)
    return peaks
