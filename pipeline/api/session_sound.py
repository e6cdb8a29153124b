"""A program's own sound in one session: what runs it, and how that ends."""

import asyncio
import threading
import time
from collections.abc import Callable

from pipeline.api.microphone_pump import Fail, MicrophonePump
from pipeline.api.sound import MicrophoneInput, SpeakerOutput
from pipeline.api.speaker_port import AsyncSpeaker, SpeakerPort
from pipeline.config.settings import Settings
from pipeline.errors import SoundError
from pipeline.supervisor.ears import wants_ears
from pipeline.supervisor.program_sound import ProgramSound

LEAVING_S = 1.0
"""How long a program's function may hold up the end; then its thread or task is left behind."""

_POLL_S = 0.01


class SessionSound:
    """Runs a program's microphone and speaker.

    :raises SoundError: something other than a microphone or a speaker was given, or the settings
        name another one.
    """

    def __init__(
        self,
        settings: Settings,
        microphone: MicrophoneInput | None,
        speaker: SpeakerOutput | None,
    ) -> None:
        _check("microphone", microphone, MicrophoneInput, "--input", settings.input)
        _check("speaker", speaker, SpeakerOutput, "--output", settings.output)
        # The ears' ring is short, and turns are marked by time: both want sound in real time.
        in_time = wants_ears(settings) or settings.marks_turns
        self.microphone = MicrophonePump(microphone, in_time=in_time) if microphone else None
        self.speaker = SpeakerPort(speaker) if speaker else None
        self.ends = ProgramSound(
            self.microphone.end if self.microphone else None,
            self.speaker.end if self.speaker else None,
        )
        self._threads: list[threading.Thread] = []
        self._tasks: list[asyncio.Task[None]] = []

    def check_without_loop(self) -> None:
        """:raises SoundError: a part is asynchronous, and there is no event loop."""
        parts = (("microphone", self.microphone), ("speaker", self.speaker))
        for name, part in parts:
            if part is not None and part.needs_loop:
                raise SoundError(
                    f"The {name} is asynchronous, expected a function that is not: give one, or "
                    "use VoiceSession."
                )

    def start(
        self, fail: Fail, on_speaker: Callable[[], None], speaker: AsyncSpeaker | None = None
    ) -> None:
        """Begin to take and to give sound; call it on the event loop, if there is one.

        :param fail: called with what ends the conversation.
        :param on_speaker: called when there may be something for the speaker.
        :param speaker: gives an asynchronous function its blocks.
        """
        if self.speaker is not None:
            self._run("speaker", self.speaker.run, fail, on_speaker)
            if speaker is not None and self.speaker.needs_loop:
                self._tasks.append(asyncio.create_task(self.speaker.run_on_loop(fail, speaker)))
        if self.microphone is None:
            return
        if self.microphone.needs_loop:
            self._tasks.append(asyncio.create_task(self.microphone.run_on_loop(fail)))
        else:
            self._run("microphone", self.microphone.run, fail)

    def join(self) -> None:
        """Wait for the threads, but not for long: a function of the program's may not return.

        One of them may call this itself: its function has closed the session.
        """
        self._stop()
        until_s = time.monotonic() + LEAVING_S
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until_s - time.monotonic()))
        self._release()

    async def leave(self) -> None:
        """End the tasks, and wait for the threads as `join` does, without blocking the loop."""
        self._stop()
        try:
            await self._leave_tasks()
            until_s = time.monotonic() + LEAVING_S
            while any(thread.is_alive() for thread in self._threads):
                if time.monotonic() > until_s:
                    break
                await asyncio.sleep(_POLL_S)
        except asyncio.CancelledError:
            self.join()  # a cancellation waits for the end as well
            raise
        self._release()

    def _stop(self) -> None:
        if self.microphone is not None:
            self.microphone.stop()

    def _release(self) -> None:
        if self.speaker is not None:
            self.speaker.end.release()

    async def _leave_tasks(self) -> None:
        """End the tasks; a speaker's first takes what is left."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            await asyncio.wait(tasks, timeout=0 if self.speaker is None else LEAVING_S / 2)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=LEAVING_S)

    def _run(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()


def _check(part: str, given: object, kind: type, flag: str, setting: str | None) -> None:
    if given is None:
        return
    if not isinstance(given, kind):
        raise SoundError(
            f"The {part} is {type(given).__name__}, expected {kind.__name__}(…) or None."
        )
    if setting is not None:
        raise SoundError(
            f"{flag} names {setting}, and the program gives a {part} itself: give only one of them."
        )
