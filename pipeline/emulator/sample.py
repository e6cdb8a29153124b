"""Make the spoken sample: a recorded user for machines without a microphone.

`python -m pipeline.emulator.sample OUT.wav` speaks the user's part of a conversation with the
synthesiser. The synthesiser is random, so each sentence is spoken again until the recogniser
understands it as it is, at low volume, and with noise.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr

from pipeline.emulator.audio.pcm16k import RATE_16K_HZ
from pipeline.emulator.replies.rules import normalised
from pipeline.emulator.speech.detector import DetectorModel
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.emulator.speech.synthesiser import Synthesiser
from pipeline.pcm import FULL_SCALE, SAMPLE_RATE_HZ, Samples

SCRIPT = (
    (0.6, "What is twelve plus thirty?"),
    (5.0, "Tell me a long story."),
    (6.5, "Stop, please. What day is it today?"),
)
"""Seconds of silence, then a sentence. The last one interrupts the answer before it."""
_QUIET_END_S = 1.5
_ATTEMPTS = 50


def speak(voice: Synthesiser, recogniser: Recogniser) -> Samples:
    """Return the whole recording, 24 kHz."""
    parts = []
    for pause_s, sentence in SCRIPT:
        parts += [_silence(pause_s), _clearly(sentence, voice, recogniser)]
    return np.concatenate([*parts, _silence(_QUIET_END_S)])


def _clearly(sentence: str, voice: Synthesiser, recogniser: Recogniser) -> Samples:
    for _ in range(_ATTEMPTS):
        spoken = voice.say(sentence)
        if all(_understood(heard, recogniser) == _words(sentence) for heard in _as_heard(spoken)):
            return spoken
    raise RuntimeError(f"The recogniser does not understand {sentence!r}.")


def _as_heard(spoken: Samples) -> list[Samples]:
    noise = np.random.default_rng(1).normal(0, 100, spoken.size)
    noisy: Samples = np.clip(spoken + noise, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return [spoken, (spoken * 0.2).astype(np.int16), noisy]


def _understood(samples: Samples, recogniser: Recogniser) -> list[str]:
    return _words(
        recogniser.transcribe(soxr.resample(samples, SAMPLE_RATE_HZ, RATE_16K_HZ, quality="QQ"))
    )


def _words(text: str) -> list[str]:
    return normalised("".join(c for c in text if c not in ".,?!")).split()


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ), np.int16)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m pipeline.emulator.sample OUT.wav")
    spoken = speak(Synthesiser(), Recogniser(DetectorModel()))
    soundfile.write(Path(sys.argv[1]), spoken, SAMPLE_RATE_HZ, subtype="PCM_16")


if __name__ == "__main__":
    main()
