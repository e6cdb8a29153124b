"""What goes up to the service, and what the offline service's detector makes of it."""

from collections.abc import Sequence

import numpy as np
import soxr

from pipeline.bench.ears.sounds import sound_of
from pipeline.ears.cleaned_frames import Outgoing
from pipeline.ears.heard import Heard
from pipeline.ears.sent_sound import SentSound
from pipeline.ears.silero import WINDOW_SAMPLES, SileroStream, load_silero
from pipeline.emulator.turns.endpointing import EndpointingRules, SpeechStarted, TurnDetector
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples, ms_to_samples

_RATE_HZ = 16_000
_SILENCE: Samples = np.zeros(BLOCK_SAMPLES, np.int16)


class Sent:
    """What goes up of what was heard.

    :ivar sound: all of it.
    """

    def __init__(self, heard: Sequence[Heard]) -> None:
        sent = SentSound()
        blocks: list[Outgoing] = []
        self._sent_with: list[int] = []  # the block with which each one went up
        for number, block in enumerate(heard):
            outgoing = Outgoing(block.cleaned, _SILENCE)
            released = sent.take(outgoing, block.near, echo=block.echo)
            blocks += released
            self._sent_with += [number] * len(released)
        blocks += sent.release()
        self._sent_with += [len(heard) - 1] * (len(heard) - len(self._sent_with))
        self.sound: Samples = np.concatenate([block.samples for block in blocks])

    def speech_started(self) -> list[int]:
        """Return the samples of the microphone at which the service tells that speech started."""
        told = []
        for heard in speech_started(self.sound):
            last = min(heard // BLOCK_SAMPLES, len(self._sent_with) - 1)
            told.append(max(heard, (self._sent_with[last] + 1) * BLOCK_SAMPLES))
        return told


def speech_started(sound: Samples) -> list[int]:
    """Return the samples of `sound` at which the service tells that speech has started."""
    stream, turns = SileroStream(load_silero()), TurnDetector(EndpointingRules())
    heard = soxr.resample(sound_of(sound), SAMPLE_RATE_HZ, _RATE_HZ).astype(np.float32)
    told = []
    for start in range(0, heard.size - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        event = turns.hear(stream.probability(heard[start : start + WINDOW_SAMPLES]))
        if isinstance(event, SpeechStarted):
            told.append(ms_to_samples(turns.position_ms))
    return told
