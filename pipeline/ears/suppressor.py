"""Remove all echo, and some speech with it: the sound that vetoes false alarms."""

from typing import Any, Protocol

from pipeline.ears.blocks import RATE_16K_HZ, Block


class Suppressor(Protocol):
    def suppress(self, microphone: Block, reference: Block) -> Block:
        """Return the next 160 samples at 16 kHz, some milliseconds late."""


class Aec3:
    """WebRTC's AEC3, 8 ms late."""

    def __init__(self) -> None:
        """Raise `ImportError` if its package is not installed."""
        import pywebrtc_audio

        self._canceller: Any = pywebrtc_audio.EchoCanceller(RATE_16K_HZ, 1, 0)

    def suppress(self, microphone: Block, reference: Block) -> Block:
        suppressed: Block = self._canceller.process(microphone, reference)
        return suppressed
