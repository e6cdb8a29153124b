"""The names of the segments, with which a child attaches to the pipeline's shared memory."""

from pipeline.structs import Struct


class SharedNames(Struct):
    """Names of the segments, chosen by the system when the supervisor created them."""

    state: str
    capture_ring: str
    playback_ring: str
    ears: "EarsNames | None" = None
    """None: there are no ears."""
    recorder: "RecorderNames | None" = None
    """None: nothing is recorded."""
    sent_reference_ring: str | None = None
    """Ears to the network: what sounds beside each frame of the microphone. None: not sent."""


class EarsNames(Struct):
    """Names of the rings that only exist for the ears."""

    raw_ring: str
    """Capture to the ears: the microphone in blocks of 10 ms."""
    reference_ring: str
    """Playback to the ears: what sounds, period by period; silence is left out."""


class RecorderNames(Struct):
    """Names of the rings that only exist for the recorder."""

    microphone_ring: str
    """Capture to the recorder: each period as captured."""
    speaker_ring: str
    """Playback to the recorder: each period as the card was given it."""
