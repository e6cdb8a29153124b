"""A soft tone when a conversation is ready: it says that one can speak, and lets the ears settle.

    network.ready, capture.route ──▶ ReadyTone ──▶ mixed into what the player renders

Plucked strings rise over a breath of noise. The noise holds all frequencies: with it, the linear
canceller knows the whole echo path before the first answer, of which single tones teach only parts.

The tone is no answer: it has no position, and nothing of it is heard, held or cut.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import soxr

from pipeline.audio.fade import falling
from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.pcm import FULL_SCALE, Samples
from pipeline.shm.state import SharedState

LENGTH_S = 1.1
LEVEL_DBFS = -29.0
"""6 dB below a voice of the services."""

_MADE_AT_HZ = 48_000
"""Strings are a whole number of samples long: at this rate they are in tune."""
_NOTES_HZ = (261.63, 293.66, 329.63, 392.00, 440.00, 523.25, 587.33, 659.25)
_NOTE_EVERY_S = 0.08
_STRING_LOSS = 0.998
_PLUCK_TILT = 1.0
_ATTACK_S = 0.01
_BREATH_DB = -6.0
_BREATH_TILT = 0.5
_NOISE_HZ = (150, 8_000)
_BREATH_RISE_S = 0.2
_BREATH_FALL_S = 0.5
_END_FADE_S = 0.2
SILENCED_FADE_MS = 20

_Floats = npt.NDArray[np.float64]


def synthesize(rate_hz: int) -> Samples:
    """Return the tone at `rate_hz`; it begins and ends in silence."""
    random = np.random.default_rng(0)
    sound = _unit(_strings(random)) + _unit(_breath(random)) * 10 ** (_BREATH_DB / 20)
    end = round(_END_FADE_S * _MADE_AT_HZ)
    sound[-end:] *= falling(end)
    sound = _unit(soxr.resample(sound, _MADE_AT_HZ, rate_hz)) * 10 ** (LEVEL_DBFS / 20)
    tone: Samples = np.rint(sound * FULL_SCALE).astype(np.int16)
    return tone


class ReadyTone:
    """Sounds once, as soon as the session and the microphone are there, and the ears have it.

    Call `mix` in each period until it is `over`. An answer, a person who speaks, or the end of the
    conversation silences the tone for good.
    """

    def __init__(self, state: SharedState, rate_hz: int) -> None:
        self._state = state
        self._rest = synthesize(rate_hz)
        self._fade_samples = rate_hz * SILENCED_FADE_MS // 1_000
        self._sounding = self._silenced = False
        self.over = False

    def mix(self, out: Samples, filled: int, *, silenced: bool) -> int:
        """Add the next samples of the tone to `out`; returns how much of `out` then sounds.

        :param filled: how much of `out` sounds already; the rest is silent.
        :param silenced: whether the conversation is ending.
        """
        if silenced or filled or self._someone_speaks():
            self._silence()
        elif not self._sounding and not self._begin():
            return filled
        count = min(len(out), len(self._rest))
        mixed = out[:count]
        np.clip(
            mixed + self._rest[:count].astype(np.int32),
            -FULL_SCALE,
            FULL_SCALE - 1,
            out=mixed,
            casting="unsafe",
        )
        self._rest = self._rest[count:]
        self.over = not len(self._rest)
        return max(filled, count)

    def _begin(self) -> bool:
        state = self._state
        ears = state.supervisor.ears.load()
        heard = state.capture.route.load() == ears if ears else state.capture.callback_ns.load()
        self._sounding = bool(state.network.ready.load() and heard)
        if self._sounding:
            state.playback.ready_tones.add(1)
        return self._sounding

    def _someone_speaks(self) -> bool:
        """Whether the ears or the service have heard a person, or an answer was interrupted."""
        state = self._state
        return bool(
            state.ears.turn_begin_ns.load()
            or state.network.speech_heard_ns.load()
            or state.network.generation.load()
        )

    def _silence(self) -> None:
        """Let the tone fade out, or never begin."""
        if self._silenced:
            return
        self._silenced = True
        self._rest = self._rest[: self._fade_samples] if self._sounding else self._rest[:0]
        self._rest = (self._rest * falling(len(self._rest))).astype(np.int16)


def choose_tone(
    settings: Settings, choice: DeviceChoice, state: SharedState, rate_hz: int, *, ears: bool
) -> ReadyTone | None:
    """Return the tone, if it is to sound and no process before this one has begun it.

    :param choice: the speaker; in files and in a program's own sound there is no tone.
    """
    wanted = ears if settings.ready_tone == "auto" else settings.ready_tone == "on"
    if not (wanted and choice.is_device) or state.playback.ready_tones.load():
        return None
    return ReadyTone(state, rate_hz)


def _strings(random: np.random.Generator) -> _Floats:
    sound = np.zeros(round(LENGTH_S * _MADE_AT_HZ))
    for number, note_hz in enumerate(_NOTES_HZ):
        begin = round(number * _NOTE_EVERY_S * _MADE_AT_HZ)
        sound[begin:] += _string(note_hz, len(sound) - begin, random)
    return sound


def _string(note_hz: float, samples: int, random: np.random.Generator) -> _Floats:
    """Pluck a string (Karplus and Strong, 1983): noise runs around in it and gets duller."""
    length = round(_MADE_AT_HZ / note_hz - 0.5)  # the mean of two neighbours delays by a half
    round_trips = np.empty((-(-samples // length), length))
    round_trips[0] = _noise(length, _PLUCK_TILT, random)
    for before, after in pairwise(round_trips):
        np.add(before[:-1], before[1:], out=after[:-1])
        after[-1] = before[-1] + before[0]
        np.multiply(after, _STRING_LOSS / 2, out=after)
    sound = round_trips.reshape(-1)[:samples]
    attack = round(_ATTACK_S * _MADE_AT_HZ)
    sound[:attack] *= 1 - falling(attack)
    return sound


def _breath(random: np.random.Generator) -> _Floats:
    samples = round(LENGTH_S * _MADE_AT_HZ)
    time_s = np.arange(samples) / _MADE_AT_HZ
    swell = np.minimum(1, time_s / _BREATH_RISE_S) * np.exp(-time_s / _BREATH_FALL_S)
    breath: _Floats = _noise(samples, _BREATH_TILT, random) * swell
    return breath


def _noise(samples: int, tilt: float, random: np.random.Generator) -> _Floats:
    """Return noise that gets duller by `tilt` times 6 dB an octave, without the highest octave."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / _MADE_AT_HZ)
    lowest_hz, highest_hz = _NOISE_HZ
    spectrum *= ((hz > lowest_hz) & (hz < highest_hz)) / np.maximum(hz, lowest_hz) ** tilt
    noise: _Floats = np.fft.irfft(spectrum, samples)
    return noise


def _unit(sound: _Floats) -> _Floats:
    """Return `sound` at an effective value of 1."""
    scaled: _Floats = sound / np.sqrt(np.mean(np.square(sound)))
    return scaled
