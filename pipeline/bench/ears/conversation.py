"""One conversation over the virtual card, and everything that was recorded meanwhile."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from pipeline.bench.cost import Cost, Meter
from pipeline.bench.ears.client import EarsClient, conversation
from pipeline.bench.ears.recording import Recording, Spoken
from pipeline.bench.ears.rooms import ROOMS, SENSOR_NOISE
from pipeline.bench.ears.situations import ROUND_TRIPS_MS, Situation
from pipeline.bench.ears.sounds import NEAR_DB, Phrase, pcm16, silence, sound_of, sweep
from pipeline.bench.jack_card import JackCard
from pipeline.bench.jack_peer import JackPeer
from pipeline.bench.scripted_service import (
    ScriptedService,
    ScriptedSession,
    answer,
    end_cancelled,
)
from pipeline.config.settings import Settings
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples, Sound

NOTICED_AFTER_S = 0.2
"""Speech that the service needs."""
_LEAD_S = (1.2, 1.8)
"""Shortest and longest time from the beginning of an answer until a person speaks."""
_AFTER_PHRASE_S = 0.4
"""Until the room is silent again."""
BETWEEN_SENTENCES_S = 1.0
_TAIL_SAMPLES = SAMPLE_RATE_HZ * 6 // 10
_MARKER_S = 0.2
_LONGEST_S = 240


@dataclass(frozen=True)
class Sounds:
    """What is heard in the conversations."""

    first: Samples
    """The first answer, in which the ears learn the room."""
    answer: Samples
    long: Samples
    """For sentences that are spoken over it."""
    phrases: Sequence[Phrase]
    """Short ones, each over an answer that it interrupts."""
    sentences: Sequence[Phrase]
    noises: Sequence[tuple[str, Sound]]

    def with_phrases(self, phrases: Sequence[Phrase]) -> "Sounds":
        return replace(self, phrases=phrases)

    def words(self, kind: str, number: int) -> str:
        """Return the words of what a person said over an answer of this kind, if they are known."""
        said = self.sentences if kind == "double talk" else self.phrases
        return said[number].words


def converse(
    card: JackCard, situation: Situation, sounds: Sounds, random: np.random.Generator
) -> Recording:
    """Hold one conversation.

    :raises PipelineError: the program failed, or does not go on.
    """
    with _talking(card, situation, sounds) as talk:
        talk.mark()
        talk.undisturbed("first", sounds.first)
        meter = Meter(talk.client.processes())
        for _ in range(situation.quiet_answers):
            talk.undisturbed("quiet", sounds.answer)
        quiet_cost = meter.read() if situation.quiet_answers else ()
        meter = Meter(talk.client.processes())
        for number in range(situation.noises):
            noise = number % len(sounds.noises)
            talk.disturbed(noise, pcm16(sounds.noises[noise][1]), random.uniform(*_LEAD_S))
        for number in range(situation.interruptions):
            talk.interrupted(number, ROUND_TRIPS_MS[number % 3], random.uniform(*_LEAD_S))
        if situation.spoken_over:
            talk.spoken_over()
        return talk.recording(quiet_cost, meter.read())


@contextmanager
def _talking(card: JackCard, situation: Situation, sounds: Sounds) -> Iterator["_Talk"]:
    with JackPeer(card, longest_s=_LONGEST_S, records_mouth=True) as peer:
        random = np.random.default_rng(1)
        noise = random.standard_normal(SAMPLE_RATE_HZ) * SENSOR_NOISE
        peer.add_noise(noise.astype(np.float32))
        if situation.echo_db is not None:
            path = ROOMS[situation.room]().at_level(sound_of(sounds.first), situation.echo_db)
            peer.open_loudspeaker(path.response, drive=path.drive)
        with ScriptedService() as service, conversation(_settings(service, situation)) as client:
            peer.connect(client.check)
            client.wait_ready()
            yield _Talk(situation, sounds, client, peer, service)


def _settings(service: ScriptedService, situation: Situation) -> Settings:
    return Settings(
        endpoint=service.endpoint,
        api_key=service.KEY,
        use_api_key=True,
        ears="on" if situation.ears else "off",
        echo="local" if situation.ears else "off",
        barge_in=situation.barge_in,
        period_ms=5,
        reconnect_s=0,
        ready_tone="off",  # the first sound that is heard is an answer
    )


class _Talk:
    """A conversation that goes on."""

    def __init__(
        self,
        situation: Situation,
        sounds: Sounds,
        client: EarsClient,
        peer: JackPeer,
        service: ScriptedService,
    ) -> None:
        self.client = client
        self._situation = situation
        self._sounds = sounds
        self._peer = peer
        self._service = service
        self._spoken: list[Spoken] = []
        self._marker = pcm16(sweep(_MARKER_S, NEAR_DB))
        self._marker_sample = 0

    @property
    def _session(self) -> ScriptedSession:
        (session,) = self._service.sessions
        return session

    def mark(self) -> None:
        """Let the microphone hear a sound by which what is sent finds its place."""
        self._peer.say(self._marker)
        self.client.wait_until(lambda: self._peer.said_all and self._peer.said_at_ns)
        self._marker_sample = self._peer.said_at_sample
        self.client.sleep(_MARKER_S)

    def undisturbed(self, kind: str, sound: Samples) -> None:
        """Play an answer to its end."""
        spoken = self._answer(kind, sound)
        self._end(spoken)

    def disturbed(self, number: int, noise: Samples, lead_s: float) -> None:
        """Play an answer to its end; a noise falls into it."""
        spoken = self._answer("noise", self._sounds.answer)
        self._wait_sounding(spoken, lead_s)
        self._say(spoken, number, noise)
        self._end(spoken)

    def interrupted(self, number: int, round_trip_ms: int, lead_s: float) -> None:
        """Play an answer that a person interrupts."""
        session, peer = self._session, self._peer
        truncations = session.count("conversation.item.truncate")
        spoken = self._answer("interrupted", self._sounds.answer)
        spoken.round_trip_ms = round_trip_ms
        self._wait_sounding(spoken, lead_s)
        which = number % len(self._sounds.phrases)
        self._say(spoken, which, pcm16(self._sounds.phrases[which].sound))
        waits_s = NOTICED_AFTER_S + round_trip_ms / 1_000
        noticed_ns = spoken.said_at_ns + round(waits_s * NS_PER_S)
        self.client.wait_until(lambda: time.monotonic_ns() >= noticed_ns)
        spoken.holds = self.client.state.ears.holds.load() - spoken.holds
        self._service.call(session.speech_started())
        self.client.wait_until(lambda: session.count("conversation.item.truncate") > truncations)
        self._service.call(end_cancelled(session, self._name()))
        self.client.wait_until(lambda: peer.said_all)
        self.client.sleep(_AFTER_PHRASE_S)
        spoken.end_sample = peer.heard_samples
        self._service.call(session.speech_stopped())

    def spoken_over(self) -> None:
        """Play an answer that nothing interrupts, and speak the sentences over it."""
        spoken = self._answer("double talk", self._sounds.long)
        self._wait_sounding(spoken, _LEAD_S[0])
        for number, sentence in enumerate(self._sounds.sentences):
            self._say(spoken, number, pcm16(sentence.sound))
            self.client.wait_until(lambda: self._peer.said_all)
            self.client.sleep(BETWEEN_SENTENCES_S)
        spoken.end_sample = self._peer.heard_samples
        self._service.call(self._session.speech_started())  # the rest of it need not be heard
        self.client.sleep(_AFTER_PHRASE_S)

    def recording(self, quiet_cost: Sequence[Cost], cost: Sequence[Cost]) -> Recording:
        session, peer, state = self._session, self._peer, self.client.state
        arrivals = [(at_ns, sent // 2) for at_ns, sent in session.arrivals]
        return Recording(
            self._situation,
            self._spoken,
            peer.heard(),
            peer.spoken(),
            peer.period_times_ns(),
            np.frombuffer(bytes(session.heard), np.int16),
            arrivals,
            self._marker,
            self._marker_sample,
            quiet_cost,
            cost,
            state.ears.realigned.load(),
        )

    def _answer(self, kind: str, sound: Samples) -> Spoken:
        spoken = Spoken(kind, sound, self._peer.heard_samples, 0)
        spoken.holds = self.client.state.ears.holds.load()
        self._spoken.append(spoken)
        spoken.sent_ns = self._service.call(answer(self._session, self._name(), sound))
        return spoken

    def _name(self) -> str:
        return f"answer_{len(self._spoken)}"

    def _end(self, spoken: Spoken) -> None:
        """End the answer, and wait until all of it has sounded."""
        name, peer, state = self._name(), self._peer, self.client.state
        self._service.call(self._session.end_answer(name, f"item_{name}"))

        def over() -> bool:
            if peer.heard_samples < spoken.start_sample + len(spoken.sound) + _TAIL_SAMPLES:
                return False
            held = state.ears.hold.load() or state.playback.held.load()
            return not held and not peer.heard(peer.heard_samples - _TAIL_SAMPLES).any()

        self.client.wait_until(over)
        spoken.end_sample = peer.heard_samples
        spoken.holds = state.ears.holds.load() - spoken.holds

    def _wait_sounding(self, spoken: Spoken, seconds: float) -> None:
        until = spoken.start_sample + round(seconds * SAMPLE_RATE_HZ)
        self.client.wait_until(lambda: self._peer.heard_samples >= until)

    def _say(self, spoken: Spoken, number: int, sound: Samples) -> None:
        self._peer.say(sound)
        self.client.wait_until(lambda: self._peer.said_at_ns)
        spoken.said.append((number, self._peer.said_at_sample, len(sound)))
        spoken.said_at_ns = self._peer.said_at_ns


def padded(sound: Sound, before_ms: float = 300, after_ms: float = 600) -> Sound:
    """Return `sound` with silence around it, as a recogniser wants it."""
    return np.concatenate([silence(before_ms), sound, silence(after_ms)])
