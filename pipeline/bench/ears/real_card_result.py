"""What the recording of a real card shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.bench.ears.analysis import Pause, pauses
from pipeline.bench.ears.echo import EchoReduction, echo_reduction
from pipeline.bench.ears.recording import Spoken
from pipeline.bench.ears.sent import best_lag
from pipeline.bench.ears.sounds import (
    FRAME_SAMPLES,
    active_level_db,
    frame_levels_db,
    level_db,
    sound_of,
)
from pipeline.errors import DeviceError
from pipeline.pcm import SAMPLE_RATE_HZ, Samples, Sound, ms_to_samples

_MATCHED_SAMPLES = ms_to_samples(200)
_COMPARED_SAMPLES = ms_to_samples(700)
_ALIGNED_SAMPLES = ms_to_samples(800)
_ALIGNED_WITHIN_SAMPLES = ms_to_samples(500)
_REST_SAMPLES = SAMPLE_RATE_HZ
"""Silence that is longer than any pause of an answer."""
_WITHOUT_VOICE_SAMPLES = SAMPLE_RATE_HZ
"""Before a person was asked to speak: how loud it is without the voice."""
_EARLY_SAMPLES = ms_to_samples(100)
"""By so much a person may seem to speak before being asked: the times are not those of the card."""
_PAUSE_FRAMES = 60
"""The longest within a voice: 300 ms."""
_LASTING_FRAMES = 4
_ABOVE_QUIET_DB = 6.0
_AUDIBLE_DB = 3.0
"""An echo that raises the level by less is not heard."""


@dataclass(frozen=True)
class CardRecording:
    """Both cards on one time line, and what was sent."""

    spoken: Sequence[Spoken]
    heard: Samples
    """What the loudspeaker sounded."""
    microphone_pcm: Samples
    sent: Samples

    @property
    def microphone(self) -> Sound:
        return sound_of(self.microphone_pcm)


@dataclass(frozen=True)
class RealCardResult:
    """Everything that was measured with a real card."""

    noise_db: float
    """Level at the microphone before the first sound, in dBFS."""
    played_db: float
    """Level of the answers as given to the loudspeaker."""
    echo_db: float
    """Level at the microphone while they sound."""
    delay_ms: float | None
    """From the loudspeaker's time to the echo at the microphone's time; None: no echo."""
    echo: EchoReduction
    quiet_s: float
    pauses: Sequence[Pause]
    asked: int
    noticed: int
    """Voices for which an answer paused."""
    silence_ms: Sequence[float]
    """From the onset of each of these to the silence of the answer."""
    untimed: Sequence[str]
    """Why that is not known of the others."""

    @property
    def audible(self) -> bool:
        """Return whether the microphone hears the loudspeaker."""
        return self.echo_db > self.noise_db + _AUDIBLE_DB


def evaluate(recording: CardRecording, asked: int) -> RealCardResult:
    """:raises DeviceError: the microphone is silent, so nothing can be compared."""
    swept, *answers = recording.spoken
    quiet = [spoken for spoken in answers if spoken.kind != "interrupted"]
    offset = _sent_offset(recording, swept.start_sample)
    before = slice(swept.start_sample - 3 * _MATCHED_SAMPLES, swept.start_sample - _MATCHED_SAMPLES)
    sounding = slice(quiet[0].start_sample, quiet[-1].end_sample)
    noise_db = level_db(recording.microphone[before])
    echo_db = active_level_db(recording.microphone[sounding])
    audible = echo_db > noise_db + _AUDIBLE_DB
    delay_ms = _delay_ms(recording, swept) if audible else None
    noticed = [spoken for spoken in answers if spoken.kind == "interrupted" and spoken.holds]
    timed = [_silence_ms(recording, spoken, offset, delay_ms) for spoken in noticed]
    return RealCardResult(
        noise_db=noise_db,
        played_db=active_level_db(sound_of(recording.heard[sounding])),
        echo_db=echo_db,
        delay_ms=delay_ms,
        echo=echo_reduction(recording, offset) if audible else EchoReduction(None, None),
        quiet_s=sum(len(spoken.sound) for spoken in quiet) / SAMPLE_RATE_HZ,
        pauses=pauses(replace(recording, spoken=[s for s in quiet if s.holds]), []),
        asked=asked,
        noticed=len(noticed),
        silence_ms=[each for each in timed if not isinstance(each, str)],
        untimed=[each for each in timed if isinstance(each, str)],
    )


def voice_onset(sent: Sound, without_samples: int) -> int | None:
    """Return where the voice begins that is heard at the end of `sent`; None: it cannot be told.

    :param without_samples: so much of the beginning is without the voice.
    """
    levels = frame_levels_db(sent)
    without = without_samples // FRAME_SAMPLES
    quiet_db = float(np.percentile(levels[:without], 95))
    loud = (levels > quiet_db + _ABOVE_QUIET_DB)[without:]
    if loud.size < _LASTING_FRAMES:
        return None
    lasting = np.convolve(loud, np.ones(_LASTING_FRAMES), "valid") >= _LASTING_FRAMES - 1
    voice = np.flatnonzero(lasting & loud[: lasting.size])
    if not voice.size or loud.size - voice[-1] > _PAUSE_FRAMES:
        return None
    pauses = np.flatnonzero(np.diff(voice) > _PAUSE_FRAMES)
    begins = int(voice[pauses[-1] + 1] if pauses.size else voice[0])
    return (without + begins) * FRAME_SAMPLES


def _silence_ms(
    recording: CardRecording, spoken: Spoken, offset: int, delay_ms: float | None
) -> float | str:
    """Return the time from a voice to the silence of the answer, or why it is not known.

    A card that stood still moves what follows in the recording. So the echo shows again, in each
    turn, how the loudspeaker lies beside the microphone, and the voice where it is in what was
    sent.
    """
    sounding = np.flatnonzero(recording.heard[spoken.start_sample : spoken.end_sample])
    if not sounding.size:
        return "the answer is not in the recording"
    # The card's times are not those of this process: the next answer may have begun.
    rests = np.flatnonzero(np.diff(sounding) > _REST_SAMPLES)
    silent = spoken.start_sample + int(sounding[rests[0] if rests.size else -1]) + 1
    if delay_ms is not None:
        silent += _moved(recording, silent) - ms_to_samples(delay_ms)
    if silent + offset >= len(recording.sent):
        return "the cards' times are too far off"
    sent_silent = _place_sent(recording, silent, offset)
    asked = sent_silent - (silent - spoken.asked_sample)
    start = max(0, asked - _EARLY_SAMPLES - _WITHOUT_VOICE_SAMPLES)
    onset = voice_onset(sound_of(recording.sent[start:sent_silent]), _WITHOUT_VOICE_SAMPLES)
    if onset is None:
        return "its onset is not heard in what was sent"
    return (sent_silent - start - onset) * 1_000 / SAMPLE_RATE_HZ


def _moved(recording: CardRecording, silent: int) -> int:
    """Return by how much later the echo of the answer before `silent` is at the microphone."""
    start = silent - _ALIGNED_SAMPLES
    template = sound_of(recording.heard[start:silent])
    return _place(template, recording.microphone, start) - start


def _place_sent(recording: CardRecording, silent: int, offset: int) -> int:
    """Return where in what was sent the microphone's sample `silent` is, by the voice after it."""
    template = recording.microphone[silent : silent + _ALIGNED_SAMPLES]
    return _place(template, sound_of(recording.sent), silent + offset)


def _place(template: Sound, sound: Sound, expected: int) -> int:
    """Return where in `sound` `template` begins, within half a second of `expected`."""
    first = max(0, expected - _ALIGNED_WITHIN_SAMPLES)
    last = expected + template.size + _ALIGNED_WITHIN_SAMPLES
    return first + best_lag(template, sound[first:last])


def _sent_offset(recording: CardRecording, begins: int) -> int:
    """Return the place of a sample in what was sent, less its place in the recording.

    :param begins: where the first sound begins. The quiet before it is sent as it is.
    """
    start = begins - _COMPARED_SAMPLES
    template = recording.microphone_pcm[start:begins]
    if not template.any():  # a microphone may give nothing in a quiet room
        template = recording.microphone_pcm[start : begins + _MATCHED_SAMPLES]
    if not template.any():
        raise DeviceError(
            "The microphone gives digital silence: it is muted, or this program may not use it. "
            "Choose another with --input."
        )
    return best_lag(sound_of(template), sound_of(recording.sent[:begins])) - start


def _delay_ms(recording: CardRecording, swept: Spoken) -> float:
    begin, end = swept.start_sample, swept.end_sample
    played = sound_of(recording.heard[begin:end])
    first = int(np.argmax(played != 0))
    template = played[first : first + len(swept.sound)]
    found = best_lag(template, recording.microphone[begin:end])
    return (found - first) * 1_000 / SAMPLE_RATE_HZ
