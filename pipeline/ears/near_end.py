"""Who is heard beside the echo: nobody, perhaps somebody, or a person who says something.

NOBODY ──anything but echo──▶ PERHAPS ──a voice that forms words──▶ PERSON
  ▲                              │                                    │
  └──── 200 ms of nothing ───────┴────────── 500 ms of nothing ───────┘

A cough and a click have hardly any voice. An assent ("mm-hm") is hummed with a closed mouth, which
lets little pass above 400 Hz: a tenth of the power, where words have half of it and more.
"""

from enum import Enum

import numpy as np

from pipeline.ears.blocks import Block
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES, SAMPLE_RATE_HZ

_WORD_MS = 200
"""Of voice: every one of 12 short words had more ("no", "wait"), and no cough."""
_LONGEST_HUM_MS = 1_000
"""Of voice: whoever hums for longer is taken at their word."""
_OPEN_SHARE = 10**-0.75
"""Of the power above 400 Hz: 46 of 48 hummed assents had less, and 167 of 168 short words more."""
_BLOCKS_BEFORE_NOBODY = 200 // BLOCK_MS
_BLOCKS_AFTER_PERSON = 500 // BLOCK_MS
_VOICED = 0.5

_BIN_HZ = SAMPLE_RATE_HZ / BLOCK_SAMPLES
_OPEN_BINS = slice(round(400 / _BIN_HZ), round(8_000 / _BIN_HZ))
_VOICE_BINS = slice(1, _OPEN_BINS.stop)
_WINDOW = np.hanning(BLOCK_SAMPLES).astype(np.float32)


class Near(Enum):
    """The near end of the line, as far as it can be told from the echo."""

    NOBODY = "nobody"
    PERHAPS = "perhaps"
    """Not yet told: a person, a cough, a hum, a noise."""
    PERSON = "person"


class NearEnd:
    """Takes blocks of 10 ms."""

    def __init__(self) -> None:
        self._near = Near.NOBODY
        self._forget()

    def _forget(self) -> None:
        self._quiet_blocks = 0
        self._voiced_ms = 0
        self._likely = False
        self._power = self._open_power = 0.0

    def hear(self, sound: Block, *, noticed: bool, likely: bool, voice: float) -> Near:
        """Take what the detectors make of a block.

        :param sound: without its echo
        :param noticed: whether anything but echo is heard
        :param likely: whether it is probably speech
        :param voice: likelihood of speech in this block alone
        """
        noticed = noticed or likely
        self._quiet_blocks = 0 if noticed else self._quiet_blocks + 1
        if self._near is Near.NOBODY and noticed:
            self._forget()
            self._near = Near.PERHAPS
        if self._near is Near.PERHAPS:
            self._weigh(sound, likely=likely, voiced=voice >= _VOICED)
        elif self._quiet_blocks >= _BLOCKS_AFTER_PERSON:
            self._near = Near.NOBODY
        return self._near

    def _weigh(self, sound: Block, *, likely: bool, voiced: bool) -> None:
        self._likely |= likely
        self._voiced_ms += BLOCK_MS if voiced else 0
        self._add_power(sound)
        mouth_open = self._open_power >= _OPEN_SHARE * self._power
        needed_ms = _WORD_MS if mouth_open else _LONGEST_HUM_MS
        if self._likely and self._voiced_ms >= needed_ms:
            self._near = Near.PERSON
        elif self._quiet_blocks >= _BLOCKS_BEFORE_NOBODY:
            self._near = Near.NOBODY

    def _add_power(self, sound: Block) -> None:
        spectrum = np.fft.rfft(sound * _WINDOW)
        powers = np.square(spectrum.real) + np.square(spectrum.imag)
        self._power += float(powers[_VOICE_BINS].sum())
        self._open_power += float(powers[_OPEN_BINS].sum())
