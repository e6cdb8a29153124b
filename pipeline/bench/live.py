"""Conversations with a real service: the spoken sample asks, the times of its answers are measured.

    service ── speech_started ══▶ network process ─▶ … ─▶ playback ─▶ edge:  cut
    service ── first delta ═════▶ network process ─▶ … ─▶ playback ─▶ edge:  speak
    end of a sentence at the microphone ─▶ … service … ─▶ first sample of its answer at the edge:
                                                                            voice round trip

When a real service writes to its socket cannot be seen: times begin when the network process has
read an event. The round trip contains the network and the service's thinking time.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.audio.selection import SAMPLE_WAV
from pipeline.bench.clients import Client, ClientState, Design
from pipeline.bench.clock import CardClock
from pipeline.bench.result import speaker_clock
from pipeline.bench.wav_files import read_wav
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError
from pipeline.ipc.events import EventRead
from pipeline.pcm import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, Samples, ms_to_ns

POLL_S = 0.1
ANSWER_TIMEOUT_S = 60.0
"""Longest time between two answers, and until the first."""

PAUSE_SAMPLES = SAMPLE_RATE_HZ // 2
"""Shortest silence between two sentences of the sample; silences in a sentence are shorter."""

LONGEST_PAUSE_NS = NS_PER_S // 20
"""An answer that has been silent for longer at speech_started has ended: it is not cut."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Times of one conversation, in ms."""

    cuts_ms: tuple[float, ...]
    speaks_ms: tuple[float, ...]
    round_trips_ms: tuple[float, ...]
    events: tuple[EventRead, ...]


def converse(design: Design, settings: Settings) -> Conversation:
    """Play the sample once to the endpoint of `settings`.

    :raises PipelineError: the service cannot be reached, or stops answering.
    """
    with TemporaryDirectory(prefix="voice-bench-") as folder:
        heard = Path(folder) / "heard.wav"
        settings = replace(
            settings,
            input=str(SAMPLE_WAV),
            output=str(heard),
            period_ms=design.period_ms,
            frame_ms=design.frame_ms,
            verbose=True,
            tools=(),
            reconnect_s=0,
        )
        with design.start(settings) as client:
            _wait_finished(client)
        recording = read_wav(heard)
        speaker = speaker_clock(design, client.state, heard)
    period_ns = ms_to_ns(design.period_ms)
    microphone = CardClock.exact(client.state.clock_starts_ns["microphone"] - period_ns)
    return evaluate_conversation(client.state, recording, speaker, microphone, read_wav(SAMPLE_WAV))


def _wait_finished(client: Client) -> None:
    answers = 0
    deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
    while not client.state.finished:
        client.wait_reports(POLL_S)
        done = sum(event.kind == "response.done" for event in client.state.events)
        if done > answers:
            deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
        answers = done
        if time.monotonic() > deadline_s:
            raise PipelineError(f"The service did not answer for {ANSWER_TIMEOUT_S:g} s.")


def evaluate_conversation(
    state: ClientState,
    recording: Samples,
    speaker: CardClock,
    microphone: CardClock,
    spoken: Samples,
) -> Conversation:
    """Measure one conversation.

    :param recording: at the speaker's edge, shape ``(samples,)``.
    :param spoken: samples of the microphone's file, shape ``(samples,)``.
    """
    sounds = np.flatnonzero(recording)
    first_deltas_ns = _first_deltas_ns(state.events)
    first_sounds_ns = [
        speaker.time_ns(int(sounds[at]))
        for delta_ns in first_deltas_ns
        if (at := int(np.searchsorted(sounds, speaker.index(delta_ns)))) < len(sounds)
    ]
    starts_ns = [t.at_ns for t in state.events if t.kind == _SPEECH_STARTED]
    cuts_ms = [
        cut_ms
        for start_ns in starts_ns
        if (cut_ms := _cut_ms(start_ns, first_deltas_ns, sounds, speaker)) is not None
    ]
    return Conversation(
        cuts_ms=tuple(cuts_ms),
        speaks_ms=tuple(
            (sound_ns - delta_ns) / NS_PER_MS
            for delta_ns, sound_ns in zip(first_deltas_ns, first_sounds_ns, strict=False)
        ),
        round_trips_ms=tuple(_round_trips_ms(spoken, microphone, first_sounds_ns)),
        events=tuple(state.events),
    )


_SPEECH_STARTED = "input_audio_buffer.speech_started"


def _first_deltas_ns(events: list[EventRead]) -> list[int]:
    """Return when the first audio delta of each response was read."""
    found, waiting = [], False
    for event in events:
        if event.kind == "response.created":
            waiting = True
        elif event.kind == "response.audio.delta" and waiting:
            found.append(event.at_ns)
            waiting = False
    return found


def _cut_ms(
    start_ns: int,
    first_deltas_ns: list[int],
    sounds: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    speaker: CardClock,
) -> float | None:
    """Return how long the answer went on after `start_ns`; None if it was silent then."""
    start = speaker.index(start_ns)
    next_ns = next((at_ns for at_ns in first_deltas_ns if at_ns > start_ns), None)
    end = speaker.index(next_ns) if next_ns is not None else np.iinfo(np.int64).max
    before, until = np.searchsorted(sounds, [start, end])
    if not before or start_ns - speaker.time_ns(int(sounds[before - 1])) > LONGEST_PAUSE_NS:
        return None
    return max(0.0, (speaker.time_ns(int(sounds[until - 1]) + 1) - start_ns) / NS_PER_MS)


def _round_trips_ms(
    spoken: Samples, microphone: CardClock, first_sounds_ns: list[float]
) -> list[float]:
    """Measure from the end of each sentence to the first sound of the answer that follows."""
    voiced = np.flatnonzero(spoken)
    pauses = np.flatnonzero(np.diff(voiced) > PAUSE_SAMPLES)
    ends_ns = [microphone.time_ns(int(voiced[at]) + 1) for at in [*pauses, -1]]
    found = []
    for end_ns, next_end_ns in zip(ends_ns, [*ends_ns[1:], np.inf], strict=True):
        following = [at_ns for at_ns in first_sounds_ns if end_ns < at_ns < next_end_ns]
        found += [(at_ns - end_ns) / NS_PER_MS for at_ns in following[:1]]
    return found
