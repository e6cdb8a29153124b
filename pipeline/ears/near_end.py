"""Whether a person speaks at the near end, beside the echo, or a cough or a hum is heard.

NONE ──anything but echo──▶ UNDECIDED ──a voice that forms words──▶ SPEECH
  ▲                              │                                    │
  └──────── 200 ms of nothing ───┴────────── 500 ms of nothing ───────┘

A cough and a click have hardly any voice. An assent ("mm-hm") is hummed with a closed mouth, which
lets little pass above 400 Hz: a tenth of the power, where words have half of it and more.
"""

from collections import deque
from enum import Enum
from typing import NamedTuple

import numpy as np

from pipeline.ears.blocks import Block
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES, SAMPLE_RATE_HZ

_WORD_BLOCKS = 200 // BLOCK_MS
"""Of voice: every one of 12 short words had more ("no", "wait"), and no cough."""
_LIKELY_WITHIN_BLOCKS = 600 // BLOCK_MS
_UNLIKELY_BLOCKS = 550 // BLOCK_MS
"""Of voice in 600 ms: a voice far below the echo is not likely speech, but lasts."""
_HUM_BLOCKS = 850 // BLOCK_MS
"""Of voice in the latest second: a hum is not that long."""
_REMEMBERED_BLOCKS = 1_000 // BLOCK_MS
_OPEN_SHARE = 10**-0.75
"""Of the power above 400 Hz: 46 of 48 hummed assents had less, and 167 of 168 short words more."""
_BLOCKS_BEFORE_NONE = 200 // BLOCK_MS
_BLOCKS_AFTER_SPEECH = 500 // BLOCK_MS
_VOICED = 0.5

_BIN_HZ = SAMPLE_RATE_HZ / BLOCK_SAMPLES
_OPEN_BINS = slice(round(400 / _BIN_HZ), round(8_000 / _BIN_HZ))
_VOICE_BINS = slice(1, _OPEN_BINS.stop)
_WINDOW = np.hanning(BLOCK_SAMPLES).astype(np.float32)


class NearSpeech(Enum):
    """What is known of the near end."""

    NONE = "none"
    UNDECIDED = "undecided"
    """Something is heard: a person, a cough, a hum, a noise."""
    SPEECH = "speech"


class _Weighed(NamedTuple):
    """One block of what is undecided."""

    likely: bool
    voiced: bool
    power: float
    open_power: float
    """What passes only through an open mouth."""


class NearEnd:
    """Takes blocks of 10 ms."""

    def __init__(self) -> None:
        self.speech = NearSpeech.NONE
        self._quiet_blocks = 0
        self._weighed: deque[_Weighed] = deque(maxlen=_REMEMBERED_BLOCKS)

    def hear(
        self,
        sound: Block,
        *,
        noticed: bool,
        likely: bool,
        voice: float,
        unexplained: bool = False,
        decides: bool = True,
        echo_known: bool = True,
    ) -> NearSpeech:
        """Take what the detectors make of a block.

        :param sound: without its echo
        :param noticed: whether anything but echo is heard
        :param likely: whether it is probably speech
        :param voice: likelihood of speech in this block alone
        :param unexplained: whether the canceller leaves more than it does of an echo: the first
            sound of a word, before anything is noticed, or a leak
        :param decides: whether the detectors can tell speech; otherwise all that is heard may be
        :param echo_known: whether what is heard for long cannot be the echo
        """
        noticed = noticed or likely
        self._quiet_blocks = 0 if noticed else self._quiet_blocks + 1
        if self.speech is NearSpeech.NONE and (noticed or unexplained):
            self._weighed.clear()
            self._quiet_blocks = 0
            self.speech = NearSpeech.UNDECIDED
        if self.speech is NearSpeech.UNDECIDED and not decides:
            self.speech = NearSpeech.SPEECH
        elif self.speech is NearSpeech.UNDECIDED:
            self._weighed.append(_weigh(sound, likely=likely, voiced=voice >= _VOICED))
            if self._forms_words(echo_known=echo_known):
                self.speech = NearSpeech.SPEECH
        self._end_after_quiet()
        return self.speech

    def rest(self) -> None:
        """Pass over a block while no answer is heard: a person may speak on into the next one."""
        self._quiet_blocks += 1
        self._end_after_quiet()

    def _end_after_quiet(self) -> None:
        certain = self.speech is NearSpeech.SPEECH
        if self._quiet_blocks >= (_BLOCKS_AFTER_SPEECH if certain else _BLOCKS_BEFORE_NONE):
            self.speech = NearSpeech.NONE

    def _forms_words(self, *, echo_known: bool) -> bool:
        latest = list(self._weighed)[-_LIKELY_WITHIN_BLOCKS:]
        voiced_blocks = sum(block.voiced for block in latest)
        if voiced_blocks < _WORD_BLOCKS:
            return False
        likely = any(block.likely for block in latest)
        lasts = echo_known and voiced_blocks >= _UNLIKELY_BLOCKS
        if not (likely or lasts):
            return False
        open_power = sum(block.open_power for block in latest)
        mouth_open = open_power >= _OPEN_SHARE * sum(block.power for block in latest)
        hums = sum(block.voiced for block in self._weighed) < _HUM_BLOCKS
        return mouth_open or (likely and not hums)


def _weigh(sound: Block, *, likely: bool, voiced: bool) -> _Weighed:
    spectrum = np.fft.rfft((sound - sound.mean()) * _WINDOW)
    powers = np.square(spectrum.real) + np.square(spectrum.imag)
    power, open_power = powers[_VOICE_BINS].sum(), powers[_OPEN_BINS].sum()
    return _Weighed(likely, voiced, float(power), float(open_power))
