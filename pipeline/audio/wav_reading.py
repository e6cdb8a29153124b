"""Reads WAV files of any rate, channel count and encoding as periods of mono at 24 kHz."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pipeline.audio.unfinished_wav import unfinished
from pipeline.errors import WavError
from pipeline.pcm import FULL_SCALE, SAMPLE_RATE_HZ, Samples
from pipeline.system.files import special_kind

BLOCK_MS = 50


def open_wav(path: Path) -> soundfile.SoundFile:
    """Open a file to play.

    :raises WavError: it is not a WAV file with sound.
    """
    try:
        if kind := special_kind(path):
            raise WavError(
                f"{path} is {kind}, expected a WAV file: give --input a WAV file or the name of a "
                "device."
            )
        # A file whose header counts no samples is read through Python, any other by libsndfile.
        file = soundfile.SoundFile(unfinished(path) or path)
    except FileNotFoundError as error:
        raise WavError(
            f"{path} does not exist: give --input a WAV file or the name of a device."
        ) from error
    except OSError as error:
        raise WavError(
            f"{path} cannot be read ({error.strerror}): give --input a file that you may read."
        ) from error
    except soundfile.SoundFileError as error:
        raise WavError(f"{path} cannot be read as a WAV file: convert it to PCM WAV.") from error
    if file.frames == 0:
        file.close()
        raise WavError(f"{path} holds no sound: give --input a WAV file that contains speech.")
    return file


def read_periods(
    file: soundfile.SoundFile, period_samples: int, skip_samples: int = 0
) -> Iterator[Samples]:
    """Read the file as whole periods, mono at 24 kHz; silence fills up the last one.

    :param skip_samples: number of samples at 24 kHz to leave out at the beginning.
    """
    if file.samplerate == SAMPLE_RATE_HZ and file.seekable():
        # A new capture process waits for this: reading ten minutes takes a second and more.
        file.seek(min(skip_samples, file.frames))
        skip_samples = 0
    rest = np.zeros(0, np.int16)
    for block in _skip(_blocks_24k_mono(file), skip_samples):
        sound = np.concatenate((rest, block))
        whole = len(sound) - len(sound) % period_samples
        yield from sound[:whole].reshape(-1, period_samples)
        rest = sound[whole:]
    if rest.size:
        yield np.pad(rest, (0, period_samples - rest.size))


def _skip(blocks: Iterator[Samples], samples: int) -> Iterator[Samples]:
    """Read what is skipped as well: a resampler gives the same samples only from the beginning."""
    for block in blocks:
        skipped = min(samples, len(block))
        samples -= skipped
        yield block[skipped:]


def _blocks_24k_mono(file: soundfile.SoundFile) -> Iterator[Samples]:
    """Read the file as mono blocks at 24 kHz; PCM16 at 24 kHz passes unchanged."""
    resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE_HZ, 1, dtype="float32")
    same_rate = file.samplerate == SAMPLE_RATE_HZ
    # Blocks are short because the callback needs the GIL meanwhile. `frames` is given because
    # soundfile cannot find out the length of files that it cannot seek in, such as those of
    # telephone codecs.
    block_samples = max(1, file.samplerate * BLOCK_MS // 1_000)
    unread = file.frames - (file.tell() if file.seekable() else 0)
    blocks = file.blocks(block_samples, frames=unread, dtype="float32", always_2d=True)
    for block in blocks:
        mono = block.mean(axis=1, dtype=np.float32)
        yield _pcm16(mono if same_rate else resampler.resample_chunk(mono))
    if not same_rate:
        yield _pcm16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))


def _pcm16(sound: npt.NDArray[np.float32]) -> Samples:
    scaled = np.rint(np.nan_to_num(sound) * FULL_SCALE)
    return scaled.clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
