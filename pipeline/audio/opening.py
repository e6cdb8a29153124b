"""How the card that was chosen is opened, with the shortest period that it keeps up with."""

from pathlib import Path

from pipeline.audio.adaptive_period import PERIODS_MS, AdaptivePeriodStream
from pipeline.audio.recording_speaker import RecordingSpeaker
from pipeline.audio.selection import CardChoice
from pipeline.audio.streams import Microphone, Speaker
from pipeline.audio.wav import WavMicrophone, WavSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import ms_to_samples
from pipeline.shm.state import CaptureFields, PlaybackFields


def open_microphone(
    choice: CardChoice, period_ms: float | None, words: CaptureFields
) -> AdaptivePeriodStream[Microphone]:
    """Open a card.

    :param period_ms: None for the shortest that the card keeps up with.
    :raises DeviceError, WavError: the card cannot be opened.
    """
    missed = XrunLog(words.input_overruns)
    return AdaptivePeriodStream(
        lambda ms: _microphone(choice, ms, missed), _periods_ms(choice, period_ms), missed
    )


def open_speaker(
    choice: CardChoice, period_ms: float | None, words: PlaybackFields
) -> AdaptivePeriodStream[Speaker]:
    """Open a card, as `open_microphone` does."""
    missed = XrunLog(words.output_underruns)
    return AdaptivePeriodStream(
        lambda ms: _speaker(choice, ms, missed), _periods_ms(choice, period_ms), missed
    )


def _microphone(choice: CardChoice, period_ms: float, missed: XrunLog) -> Microphone:
    if isinstance(choice.card, Path):
        return WavMicrophone(choice.card, ms_to_samples(period_ms), missed)
    from pipeline.audio.portaudio import PortAudioMicrophone

    return PortAudioMicrophone(choice.card, period_ms, missed)


def _speaker(choice: CardChoice, period_ms: float, missed: XrunLog) -> Speaker:
    if isinstance(choice.card, Path):
        return WavSpeaker(choice.card, ms_to_samples(period_ms), missed)
    from pipeline.audio.portaudio import PortAudioSpeaker

    speaker = PortAudioSpeaker(choice.card, period_ms, missed)
    return speaker if choice.tap is None else RecordingSpeaker(speaker, choice.tap)


def _periods_ms(choice: CardChoice, period_ms: float | None) -> tuple[float, ...]:
    """Periods to try, shortest first."""
    if period_ms is not None:
        return (period_ms,)
    # A file keeps up with any, and JACK's server has chosen the period for all of its clients.
    fixed = isinstance(choice.card, Path) or choice.card.host_api.startswith("JACK")
    return PERIODS_MS[:1] if fixed else PERIODS_MS
