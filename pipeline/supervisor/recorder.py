"""The supervisor's side of the recorder: what is recorded, where to, and whether it still is."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.errors import is_foreseen
from pipeline.ipc.child_process import ChildProcess
from pipeline.ipc.commands import Command, RecordEvent
from pipeline.ipc.event_json import as_json
from pipeline.ipc.events import Event
from pipeline.recorder.job import RecorderJob
from pipeline.supervisor.record_folder import RecordFolder
from pipeline.supervisor.voice_processes import VoiceProcesses

KEPT_EVENTS = 2_000
"""More than come while a recorder hangs and another one starts."""


class ConversationRecorder:
    """Passes events to the recorder, once there is one. Leaving the context settles all.

    Enter this context before the children's: they end before the folder is settled.

    :param say: told at the end where the recording is.
    :param notice: told what goes wrong.
    :ivar start_ns: ``time.monotonic_ns`` of the recording's first sample.
    """

    def __init__(self, say: Callable[[str], None], notice: Callable[[str], None]) -> None:
        self._say = say
        self._notice = notice
        self._folder: RecordFolder | None = None
        self._send: Callable[[Command], None] | None = None
        self._latest: deque[RecordEvent] = deque(maxlen=KEPT_EVENTS)
        self._events = 0
        self._reason: str | None = None
        self.start_ns = time.monotonic_ns()
        self._started = datetime.now().astimezone().isoformat(" ", "seconds")

    def claim(self, settings: Settings) -> None:
        """Claim the folder of `settings`, if they name one.

        :raises SettingsError: it cannot serve.
        """
        if settings.record is not None:
            self._folder = RecordFolder(settings.record)

    def start(
        self,
        voice: VoiceProcesses,
        settings: Settings,
        microphone: DeviceChoice,
        speaker: DeviceChoice,
    ) -> None:
        """Start the process, if a folder is claimed. Call this before the cards start."""
        if self._folder is None:
            return
        facts = {
            "version": version("voice-pipeline"),
            "settings": _public(settings),
            "microphone": str(microphone.file or microphone.name),
            "speaker": str(speaker.file or speaker.name),
        }
        job = RecorderJob(
            self._folder.path, self.start_ns, self._started, facts, settings.read_ahead
        )
        self._send = voice.start_recorder(
            job, verbose=settings.verbose, started=self._tell_latest, ended=self.note_end
        )

    def tell(self, event: Event) -> None:
        """Record an event."""
        if self._folder is None or self._reason is not None:
            return
        command = RecordEvent(self._events, as_json(event))
        self._events += 1
        self._latest.append(command)
        if self._send is not None:
            self._send(command)

    @property
    def is_short(self) -> bool:
        """Whether something that the person asked to record is missing."""
        return self._reason is not None

    def note_end(self, reason: str) -> None:
        """The recording cannot be continued."""
        if self._folder is not None:
            self._reason = reason
            self._notice(
                f"The recording in {self._folder.given} ends here ({reason}). The conversation "
                "continues."
            )

    def _tell_latest(self, recorder: ChildProcess) -> None:
        """Tell a new recorder the latest events; it knows which of them the log has."""
        for command in self._latest:
            recorder.send(command)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is None:
            return
        if self._folder.settle() and is_foreseen(kind):
            part = "" if self._reason is None else f" only in part ({self._reason})"
            self._say(f"The conversation was recorded to {self._folder.given}{part}.")


def _public(settings: Settings) -> dict[str, Any]:
    """Return the settings without secrets."""
    return {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if not field.metadata["secret"]
    }
