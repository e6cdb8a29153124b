"""The processes of a conversation, started to be measured."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NoReturn

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ears.job import EarsJob
from pipeline.errors import ProcessDiedError
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report
from pipeline.supervisor.voice_processes import VoiceProcesses


def start_voice_processes(  # noqa: PLR0917 - what a conversation consists of
    children: ChildProcesses,
    stack: ExitStack,
    settings: Settings,
    microphone: DeviceChoice,
    speaker: DeviceChoice,
    before_audio: Callable[[VoiceProcesses], None] = lambda _: None,
    ears: EarsJob | None = None,
) -> VoiceProcesses:
    """Start a conversation with the endpoint of `settings` on two given cards.

    A process that ends is not replaced: `ChildProcesses.reports` raises ProcessDiedError.

    :param before_audio: called before the cards start.
    """
    voice = VoiceProcesses(children, stack, settings.frame_ms, report=not_replaced)
    voice.start_network(settings)
    before_audio(voice)
    voice.start_audio(settings, microphone, speaker, ears)
    return voice


def not_replaced(report: Report) -> NoReturn:
    raise ProcessDiedError(str(report))
