"""The sound as a page can play it: within the page if it is short, else beside it."""

import base64
import io
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import soundfile

from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.recorder.wave_file import CHANNELS

MOST_EMBEDDED_S = 10 * 60
"""A minute takes 2 to 4 MB of the page."""

_BLOCK = 1 << 16


class PlayableSound(NamedTuple):
    """Where a page finds its sound.

    :ivar source: an address, or the sound itself; empty if there is none.
    """

    source: str
    is_embedded: bool = False


def playable(sound: soundfile.SoundFile | None, wave: Path, page: Path) -> PlayableSound:
    """Return the sound for a page at `page`: FLAC, which loses nothing, or the way to the file."""
    if sound is None:
        return PlayableSound("")
    if sound.frames <= MOST_EMBEDDED_S * SAMPLE_RATE_HZ:
        data = base64.b64encode(_flac(sound)).decode()
        return PlayableSound(f"data:audio/flac;base64,{data}", is_embedded=True)
    try:
        way = os.path.relpath(wave.resolve(), page.resolve().parent)
    except ValueError:  # on another drive
        return PlayableSound(wave.resolve().as_uri())
    return PlayableSound(quote(Path(way).as_posix()))


def _flac(sound: soundfile.SoundFile) -> bytes:
    made = io.BytesIO()
    sound.seek(0)
    with soundfile.SoundFile(
        made, "w", SAMPLE_RATE_HZ, CHANNELS, "PCM_16", format="FLAC"
    ) as compressed:
        for block in sound.blocks(_BLOCK, dtype="int16", always_2d=True):
            compressed.write(block)
    return made.getvalue()
