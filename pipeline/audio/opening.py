"""Opens the chosen device or file, with the shortest period at which it runs well."""

from pathlib import Path

from pipeline.audio.adaptive_period import PERIODS_MS, AdaptivePeriodStream
from pipeline.audio.program_card import ProgramCard
from pipeline.audio.program_microphone import ProgramMicrophone
from pipeline.audio.program_speaker import ProgramSpeaker
from pipeline.audio.recording_speaker import RecordingSpeaker
from pipeline.audio.selection import DeviceChoice
from pipeline.audio.streams import Microphone, Speaker
from pipeline.audio.virtual_clock import ClockPlace
from pipeline.audio.wav import OnRecordingEnd, WavMicrophone, WavSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import ms_to_samples
from pipeline.shm.fields import CaptureFields, PlaybackFields, ProgramFields

PROGRAM_PERIOD_MS = 10.0
"""Length of the blocks that a program is given: it handles each of them in Python."""


def open_microphone(
    choice: DeviceChoice,
    period_ms: float | None,
    words: CaptureFields,
    place: ClockPlace | None,
) -> AdaptivePeriodStream[Microphone]:
    """Open a stream that records.

    :param period_ms: None for the shortest at which the device runs without xruns.
    :param place: where a file goes on that a process before this one has begun to play.
    :raises DeviceError, WavError: the device or the file cannot be opened.
    """
    xruns = XrunLog(words.input_overruns)
    return AdaptivePeriodStream(
        lambda ms: _microphone(choice, ms, xruns, place, words),
        _periods_ms(choice, period_ms),
        xruns,
    )


def open_speaker(
    choice: DeviceChoice,
    period_ms: float | None,
    words: PlaybackFields,
    on_recording_end: OnRecordingEnd,
    program: ProgramFields | None = None,
) -> AdaptivePeriodStream[Speaker]:
    """Open a stream that plays, as `open_microphone` does.

    :param on_recording_end: called if the file in its place cannot be written any more.
    :param program: for the program's own sound in its place.
    """
    xruns = XrunLog(words.output_underruns)

    def open_stream(ms: float) -> Speaker:
        if isinstance(choice.target, ProgramCard) and program is not None:
            return ProgramSpeaker(choice.target, ms, xruns, words, program)
        return _speaker(choice, ms, xruns, on_recording_end, words.clock_start_ns.load())

    return AdaptivePeriodStream(
        open_stream,
        _periods_ms(choice, period_ms),
        xruns,
    )


def _microphone(
    choice: DeviceChoice,
    period_ms: float,
    xruns: XrunLog,
    place: ClockPlace | None,
    words: CaptureFields,
) -> Microphone:
    if isinstance(choice.target, ProgramCard):
        return ProgramMicrophone(choice.target, xruns, words)
    if isinstance(choice.target, Path):
        return WavMicrophone(choice.target, ms_to_samples(period_ms), xruns, place)
    from pipeline.audio.portaudio_microphone import PortAudioMicrophone

    return PortAudioMicrophone(
        choice.target, period_ms, xruns, follows_default=choice.follows_default
    )


def _speaker(
    choice: DeviceChoice,
    period_ms: float,
    xruns: XrunLog,
    on_recording_end: OnRecordingEnd,
    clock_start_ns: int,
) -> Speaker:
    if isinstance(choice.target, Path):
        return WavSpeaker(
            choice.target,
            ms_to_samples(period_ms),
            xruns,
            choice.replaces,
            on_recording_end,
            clock_start_ns=clock_start_ns,
        )
    if isinstance(choice.target, ProgramCard):
        raise TypeError("the program's own speaker needs the words of the program")
    from pipeline.audio.portaudio_speaker import PortAudioSpeaker

    speaker = PortAudioSpeaker(
        choice.target, period_ms, xruns, follows_default=choice.follows_default
    )
    return speaker if choice.recording is None else RecordingSpeaker(speaker, choice.recording)


def _periods_ms(choice: DeviceChoice, period_ms: float | None) -> tuple[float, ...]:
    """Periods to try, shortest first."""
    if period_ms is not None:
        return (period_ms,)
    if isinstance(choice.target, ProgramCard):
        return (PROGRAM_PERIOD_MS,)
    # A file runs with any period, and JACK's server has chosen one for all of its clients.
    fixed = isinstance(choice.target, Path) or choice.target.host_api.startswith("JACK")
    return PERIODS_MS[:1] if fixed else PERIODS_MS
