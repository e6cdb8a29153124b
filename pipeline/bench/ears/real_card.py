"""`bench ears --device`: through a real loudspeaker and a real room into a real microphone.

The conversation is recorded (`--record`): both cards are placed on one time line there, by their
own times. What was sent up finds its place beside what the microphone heard by the noise of the
quiet room, which the ears leave as it is.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from rich.console import Console

from pipeline.bench.ears.client import EarsClient, conversation
from pipeline.bench.ears.options import EarsOptions
from pipeline.bench.ears.real_card_result import CardRecording, RealCardResult, evaluate
from pipeline.bench.ears.recording import Spoken
from pipeline.bench.ears.sounds import ANSWER_DB, pcm16, sweep
from pipeline.bench.scripted_service import ScriptedService, answer, end_cancelled
from pipeline.config.settings import Settings
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples
from pipeline.recorder.job import WAVE_NAME

QUIET_S = 1.0
"""Before the first sound: how loud the room is without it."""
_SWEEP_S = 1.0
_RINGING_S = 0.7
_ASKED_AFTER_S = 1.5
_CONFIRMED_AFTER_S = 0.3
"""From a pause until the service, as far as the program is concerned, hears the voice too."""
_REST_S = 2.0
"""Between a person's turns."""


def measure_card(options: EarsOptions, sound: Samples, console: Console) -> RealCardResult:
    """Play answers, ask the person to speak, and evaluate what was recorded.

    :param sound: an answer.
    :raises PipelineError: the cards cannot be used, or the program failed.
    """
    with TemporaryDirectory(prefix="voice-bench-") as folder:
        target = Path(folder) / "recording"
        with _talking(options, target) as talk:
            console.print(f"Microphone: {talk.client.cards[0]}", soft_wrap=True)
            console.print(f"Loudspeaker: {talk.client.cards[1]}", soft_wrap=True)
            console.print(f"Please be quiet for {options.seconds + QUIET_S + _SWEEP_S:.0f} s.")
            talk.listen(sound, options.seconds)
            for turn in range(options.voice_turns):
                talk.ask(sound, f"{turn + 1} of {options.voice_turns}", console)
        return evaluate(talk.recording(target / WAVE_NAME), options.voice_turns)


@contextmanager
def _talking(options: EarsOptions, target: Path) -> Iterator["_Talk"]:
    with ScriptedService() as service:
        settings = Settings(
            endpoint=service.endpoint,
            api_key=service.KEY,
            use_api_key=True,
            input=options.input,
            output=options.output,
            ears="on",
            echo="local",
            reconnect_s=0,
            ready_tone="off",  # the first sound that is heard is an answer
            record=str(target),
        )
        with conversation(settings) as client:
            client.wait_ready()
            yield _Talk(client, service)


class _Talk:
    """A conversation that goes on."""

    def __init__(self, client: EarsClient, service: ScriptedService) -> None:
        self.client = client
        self._service = service
        (self._session,) = service.sessions
        self._spoken: list[Spoken] = []

    def listen(self, sound: Samples, seconds: float) -> None:
        """Play a sweep and then answers for so long, while nobody speaks."""
        self.client.sleep(QUIET_S)
        self._play("sweep", pcm16(sweep(_SWEEP_S, ANSWER_DB)))
        played_s = 0.0
        while played_s < seconds:
            self._play("quiet" if played_s else "first", sound)
            played_s += len(sound) / SAMPLE_RATE_HZ

    def ask(self, sound: Samples, turn: str, console: Console) -> None:
        """Play an answer, and ask the person to speak over it."""
        session, state = self._session, self.client.state
        spoken = self._answer("interrupted", sound)
        self._wait_since(spoken, _ASKED_AFTER_S)
        self.client.wait_until(lambda: not state.ears.hold.load())
        spoken.holds = state.ears.holds.load()
        spoken.asked_sample = self._now()
        console.print(f"{turn}: say something, now.")
        end_s = len(sound) / SAMPLE_RATE_HZ
        self.client.wait_until(lambda: state.ears.hold.load() or self._since(spoken) > end_s)
        spoken.holds = state.ears.holds.load() - spoken.holds
        if spoken.holds:
            self.client.sleep(_CONFIRMED_AFTER_S)
        self._service.call(session.speech_started())
        self._service.call(end_cancelled(session, self._name()))
        self.client.sleep(_REST_S)
        spoken.end_sample = self._now()
        self._service.call(session.speech_stopped())

    def recording(self, path: Path) -> CardRecording:
        """Return what was recorded, once the conversation is over."""
        both, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        if rate_hz != SAMPLE_RATE_HZ:
            raise ValueError(f"{path} has {rate_hz} Hz")
        sent = np.frombuffer(bytes(self._session.heard), np.int16)
        return CardRecording(self._spoken, np.ascontiguousarray(both[:, 1]), both[:, 0], sent)

    def _play(self, kind: str, sound: Samples) -> None:
        """Play an answer to its end; a pause in it is waited for."""
        spoken, state = self._answer(kind, sound), self.client.state
        name = self._name()
        self._service.call(self._session.end_answer(name, f"item_{name}"))
        played = state.playback.played_samples
        end = self._played_before + len(sound)
        self.client.wait_until(lambda: played.load() >= end and not state.playback.held.load())
        self.client.sleep(_RINGING_S)
        spoken.end_sample = self._now()
        spoken.holds = state.ears.holds.load() - spoken.holds

    def _answer(self, kind: str, sound: Samples) -> Spoken:
        state = self.client.state
        self._played_before = state.playback.played_samples.load()
        spoken = Spoken(kind, sound, self._now(), time.monotonic_ns())
        spoken.holds = state.ears.holds.load()
        self._spoken.append(spoken)
        self._service.call(answer(self._session, self._name(), sound))
        return spoken

    def _name(self) -> str:
        return f"answer_{len(self._spoken)}"

    def _now(self) -> int:
        """Return the place of this moment in the recording."""
        passed_ns = time.monotonic_ns() - self.client.recorded_from_ns
        return passed_ns * SAMPLE_RATE_HZ // NS_PER_S

    def _since(self, spoken: Spoken) -> float:
        return (time.monotonic_ns() - spoken.sent_ns) / NS_PER_S

    def _wait_since(self, spoken: Spoken, seconds: float) -> None:
        self.client.wait_until(lambda: self._since(spoken) >= seconds)
