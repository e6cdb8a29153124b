"""What a user can do with a conversation, in both of its forms."""

import asyncio
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal

from pipeline.api.session_sound import SessionSound
from pipeline.api.session_thread import SessionThread, Snapshot
from pipeline.api.session_tools import SessionTools
from pipeline.api.sound import MicrophoneInput, SpeakerOutput
from pipeline.api.values import Heard, Metrics, Turn
from pipeline.config.checking import checked
from pipeline.config.settings import Settings
from pipeline.errors import SessionError, SettingsError
from pipeline.ipc.commands import BeginTurn, EndTurn, InterruptAnswer, Say, UpdateSession
from pipeline.ipc.events import Levels
from pipeline.supervisor.pipeline import Pipeline
from pipeline.system.text import encodable

NO_SPEAKER = (
    "This session plays on a card or into a file, expected one with a speaker of its own: give it "
    "speaker=SpeakerOutput(…)."
)
ENDED = "This session has ended, expected one that runs: make a new one."


class SessionControls:
    """The controls return at once and may be called from any thread.

    :raises SettingsError: a setting cannot be used; the sentence is that of the command line.
    """

    def __init__(
        self,
        settings: Settings | None,
        tools: Sequence[Callable[..., Any]],
        tools_in: Literal["caller", "process"],
        on_change: Callable[[], None],
        *,
        microphone: MicrophoneInput | None,
        speaker: SpeakerOutput | None,
        levels: bool,
    ) -> None:
        given = checked(settings or Settings())
        self._marks_turns = given.marks_turns
        self._sound = SessionSound(given, microphone, speaker)
        own = self._sound.ends
        self._thread = SessionThread(
            given, SessionTools.of(tools, tools_in), on_change, own, emits_levels=levels
        )
        self._started = False
        self._failure_raised = False

    def say(self, text: str) -> None:
        """Take `text` as a turn of the user's: it interrupts the answer, and is answered.

        :raises SessionError: the session does not run, or `text` is no words.
        """
        _check_text(text, "to say")
        if not text.strip():
            raise SessionError("The text to say is empty, expected words: give some.")
        self._do(lambda pipeline: pipeline.tell_network(Say(encodable(text))))

    def interrupt(self) -> None:
        """Silence the answer, as if the user had begun to speak. Nothing happens if there is none.

        :raises SessionError: the session does not run.
        """
        self._do(lambda pipeline: pipeline.tell_network(InterruptAnswer()))

    def begin_turn(self) -> None:
        """The user begins to speak: the answer is silenced, and the microphone is sent from now on.

        Nothing else of the microphone leaves.

        :raises SessionError: the session does not run, or the service detects its turns.
        """
        self._mark(BeginTurn(time.monotonic_ns()))

    def end_turn(self) -> None:
        """The user has spoken: the answer is asked for. Nothing happens if no turn has begun.

        :raises SessionError: as `begin_turn`.
        """
        self._mark(EndTurn(time.monotonic_ns()))

    def mute(self) -> None:
        """Let the service hear silence in place of the microphone, from the next frame on.

        :raises SessionError: the session does not run.
        """
        self._do(lambda pipeline: pipeline.mute(muted=True))

    def unmute(self) -> None:
        """Let the service hear the microphone again.

        :raises SessionError: the session does not run.
        """
        self._do(lambda pipeline: pipeline.mute(muted=False))

    def mark(self, text: str = "") -> None:
        """Mark this moment in the recording, and among the events, with a `Marked`.

        :raises SessionError: the session does not run, or `text` is no text.
        """
        _check_text(text, "of the mark")
        self._do(lambda pipeline: pipeline.mark(encodable(text)))

    def update(self, *, instructions: str | None = None, voice: str | None = None) -> None:
        """Change the instructions or the voice from the next answer on.

        A service that refuses the change says so in a `Notice`.

        :raises SettingsError: a value cannot be used.
        :raises SessionError: the session does not run.
        """
        update = UpdateSession(instructions, voice)
        if not update.given:
            raise SettingsError("Nothing to update, expected instructions or a voice: give one.")
        checked(Settings(**update.given))  # type: ignore[arg-type]  # both are texts
        self._do(lambda pipeline: pipeline.tell_network(update))

    @property
    def recording_lost(self) -> bool:
        """Whether something that the settings ask to record is missing; final once it has ended."""
        return self._thread.recording_lost

    @property
    def opened(self) -> bool:
        """Whether the session, the microphone and the speaker have started."""
        return self._thread.opened

    @property
    def ended(self) -> bool:
        """Whether the conversation has ended; events that were not read can still be read."""
        return self._thread.ended

    @property
    def heard(self) -> Heard:
        """How much of the latest answer has left the loudspeaker, to the sample."""
        snapshot = self._thread.snapshot()
        return snapshot.heard if snapshot else Heard(0, 0)

    @property
    def levels(self) -> Levels:
        """How loud the microphone and the loudspeaker are: the latest tenths of a second.

        :raises SessionError: the session has not been started.
        """
        return self._snapshot().levels

    @property
    def metrics(self) -> Metrics:
        """Counters of the sound and the network.

        :raises SessionError: the session has not been started.
        """
        return self._snapshot().metrics

    @property
    def history(self) -> tuple[Turn, ...]:
        """The latest 100 turns, the oldest first, as far as their words are known."""
        snapshot = self._thread.snapshot()
        return snapshot.history if snapshot else ()

    def _begin(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        if self._started:
            raise SessionError("This session was started before: make a new one.")
        self._started = True
        self._sound.ends.prepare()
        weakref.finalize(self, self._thread.stop)  # if it is forgotten without `close`
        self._thread.start(loop)

    def _mark(self, command: BeginTurn | EndTurn) -> None:
        if not self._marks_turns:
            raise SessionError(
                "The service detects the turns of this session, expected one whose turns the "
                "program marks: give it the setting turn_detection='none'."
            )
        self._do(lambda pipeline: pipeline.tell_network(command))

    def _check_started(self) -> None:
        if not self._started:
            raise SessionError(
                "This session is not started: use it in `async with`, or in `with` if it is a "
                "BlockingVoiceSession."
            )

    def _do(self, action: Callable[[Pipeline], None]) -> None:
        self._check_started()
        if self._thread.ended:
            raise SessionError(ENDED)
        self._thread.do(action)

    def _snapshot(self) -> Snapshot:
        self._check_started()
        snapshot = self._thread.snapshot()
        if snapshot is None:
            raise SessionError("This session has not begun yet: wait until it is open.")
        return snapshot

    def _raise_failure(self) -> None:
        """Raise once what ended the conversation."""
        failure = self._thread.failure
        if failure is not None and not self._failure_raised:
            self._failure_raised = True
            raise failure


def _check_text(text: object, purpose: str) -> None:
    if not isinstance(text, str):
        raise SessionError(f"The text {purpose} is {text!r}, expected a str: give one.")
