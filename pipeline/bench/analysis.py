"""Compute what `bench` reports from a recording at the device edge and the service's log.

Pure functions. The recording itself tells which answer a sample belongs to
(`pipeline.bench.signals`); the log only tells when events were written to the socket.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from pipeline.bench.clock import CardClock
from pipeline.bench.service_log import Delta, ServiceLog, Turn
from pipeline.bench.signals import CYCLE, LOWEST, answer_ramp, answer_sign
from pipeline.bench.stalls import Stalls
from pipeline.pcm import NS_PER_MS, PCM16, SAMPLE_RATE_HZ, Samples, ms_to_samples, samples_to_ms

LONGEST_FADE_SAMPLES = ms_to_samples(5)
"""Longest fade; samples that are attenuated earlier count as out of order."""

DELIVERY_NS = 4 * NS_PER_MS
"""Time that a sample may need besides the card's period: the way to the client, and the length of a
fade, by which playback looks ahead."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Edge:
    """The clocks of both cards."""

    speaker: CardClock
    """When samples passed towards the loudspeaker."""
    microphone: CardClock
    """When samples were captured."""
    period_ns: int

    @property
    def notice_ns(self) -> int:
        """Return how long before its time a sample must be sent for the client to be in time."""
        return self.period_ns + DELIVERY_NS


@dataclass(frozen=True, slots=True)
class TurnMetrics:
    """One answer and its interruption, as heard at the edge."""

    cut_ms: float
    """From speech_started on the wire to the end of the last stale sample."""
    speak_ms: float
    """From the first delta on the wire to the first sample."""
    round_trip_ms: float
    """From the end of the utterance at the microphone to the first sample of its answer, less the
    service's own pause."""
    stale_samples: int
    """Samples of the answer that passed after speech_started."""
    leaked_samples: int
    """Stale samples that passed after the answer had fallen silent: it was not cut for good."""
    dropouts: int
    """Silences inside the answer, before speech_started, for which the client had samples."""
    dropout_ms: float
    starved: int
    """Silences for which the client did not have samples yet."""
    breaks: int
    """Places at which a sample other than the next one follows; the final fade does not count."""
    memory_error_ms: int
    """How much more of the answer the model remembers than was heard; negative if less."""
    silent: bool
    """Whether the answer was silent when speech_started came, so that nothing was cut."""
    stalled: bool
    """Whether machine stalls took a tenth of the time until the answer began, or was cut."""

    def without_delay(self, waited_ms: float) -> Self:
        """Return the same turn less the playout delay, which is intended."""
        return replace(
            self,
            speak_ms=self.speak_ms - waited_ms,
            round_trip_ms=self.round_trip_ms - waited_ms,
        )


@dataclass(frozen=True, slots=True)
class FrameMetrics:
    """One microphone frame."""

    ms: float
    """From the capture of its last sample to its arrival at the service."""
    stalled: bool
    """Whether machine stalls took a tenth of that time."""
    unread: bool = False
    """Whether it waited because the service read nothing, on purpose."""


def turn_metrics(
    recording: Samples, edge: Edge, turn: Turn, stalls: Stalls, span: slice
) -> TurnMetrics | None:
    """Measure one turn; None if no sample of its answer was heard.

    :param span: part of the recording in which this answer is the only one of its sign.
    """
    sounds = np.sign(recording[span]) == answer_sign(turn.number)
    heard = span.start + np.flatnonzero(sounds)
    if not heard.size:
        return None
    started = edge.speaker.index(turn.speech_started_ns)
    ends = _first_stretch_after(heard, started)
    before, leaked = heard[:ends], heard[ends:]
    interrupted = before[before < started]
    silent = edge.speaker.time_ns(int(before[-1])) < turn.speech_started_ns - edge.period_ns
    if silent:
        interrupted = np.append(interrupted, started)
    silences = _silences(interrupted, edge, turn.deltas, stalls)
    played = _without_pauses(recording, before, turn.number)
    first_ns, end_ns = edge.speaker.time_ns(int(heard[0])), edge.speaker.time_ns(int(heard[-1]) + 1)
    return TurnMetrics(
        cut_ms=max(0.0, _ms(end_ns - turn.speech_started_ns)),
        speak_ms=_ms(first_ns - turn.first_delta_ns),
        round_trip_ms=_round_trip_ms(edge, turn, int(heard[0])),
        stale_samples=int(np.count_nonzero(heard >= started)),
        leaked_samples=len(leaked),
        dropouts=silences.own,
        dropout_ms=silences.own_samples * 1_000 / SAMPLE_RATE_HZ,
        starved=silences.starved,
        breaks=breaks(played, turn.number),
        memory_error_ms=memory_error_ms(played, turn) - samples_to_ms(len(leaked)),
        silent=silent,
        stalled=stalls.distort(turn.first_delta_ns, first_ns)
        or stalls.distort(turn.speech_started_ns, end_ns),
    )


def all_turn_metrics(
    recording: Samples, edge: Edge, turns: Sequence[Turn], stalls: Stalls
) -> list[TurnMetrics | None]:
    """Measure each turn, in order.

    The interruption of the answer between two answers of the same sign separates them. It is far
    from both, because a late callback puts samples where the clock would have had them.
    """
    cuts = [edge.speaker.index(turn.speech_started_ns) for turn in turns]
    begins, ends = [0, *cuts[:-1]], [*cuts[1:], len(recording)]
    return [
        turn_metrics(recording, edge, turn, stalls, slice(begin, end))
        for turn, begin, end in zip(turns, begins, ends, strict=True)
    ]


def breaks(heard: Samples, number: int) -> int:
    """Count the places at which answer `number` does not go on with its next sample.

    It must begin with its first sample. Its last samples may be a fade.

    :param heard: what was heard of the answer, shape ``(samples,)``.
    """
    magnitudes = answer_sign(number) * heard.astype(np.int64)
    steps = np.diff(magnitudes, prepend=LOWEST - 1)
    follows = steps % CYCLE == 1
    body = max(0, len(heard) - LONGEST_FADE_SAMPLES)
    whole_tail = follows[body:]
    faded = body + (len(whole_tail) if whole_tail.all() else int(whole_tail.argmin()))
    return int(np.count_nonzero(~follows[:faded]) + np.count_nonzero(steps[faded:] >= 0))


def memory_error_ms(heard: Samples, turn: Turn) -> int:
    """Return what the model remembers of the answer less what was heard, in whole milliseconds."""
    fades = heard.size > 0 and abs(int(heard[-1])) != answer_ramp(len(heard) - 1, 1)[0]
    # The last sample of a fade is 0: it was heard, but looks like the silence after it.
    heard_ms = samples_to_ms(len(heard) + int(fades))
    remembered_ms = turn.remembered_ms
    if remembered_ms is None:
        remembered_ms = samples_to_ms(turn.sent_samples)
    return remembered_ms - heard_ms


def microphone_metrics(log: ServiceLog, edge: Edge, stalls: Stalls) -> list[FrameMetrics]:
    """Measure each microphone frame, in order."""
    metrics = []
    for arrived_ns, samples in log.appends:
        captured_ns = edge.microphone.time_ns(samples)
        stalled = stalls.distort(captured_ns, arrived_ns)
        unread = any(captured_ns < end and begin < arrived_ns for begin, end in log.unread_ns)
        metrics.append(FrameMetrics(_ms(arrived_ns - captured_ns), stalled, unread))
    return metrics


def _first_stretch_after(heard: Indices, started: int) -> int:
    """Count the indices in `heard` before the first silence that begins at `started` or later."""
    gaps = np.flatnonzero(np.diff(heard) > 1)
    later = gaps[heard[gaps] + 1 >= started]
    if later.size:
        return int(later[0]) + 1
    return len(heard)


class _Silences(NamedTuple):
    """Silences between the samples of one answer."""

    own: int
    """Silences that the client caused."""
    own_samples: int
    starved: int
    """Silences for which the client could not have had the next samples in time."""


def _silences(heard: Indices, edge: Edge, deltas: Sequence[Delta], stalls: Stalls) -> _Silences:
    steps = np.diff(heard)
    own = starved = own_samples = 0
    for gap in np.flatnonzero(steps > 1):
        began_ns = edge.speaker.time_ns(int(heard[gap]) + 1)
        # The last sample of a fade-out is 0: the missing sample is the one after it.
        sent_ns = _sent_ns(deltas, int(gap) + 2 + starved)
        if sent_ns + edge.notice_ns + stalls.within_ns(sent_ns, began_ns) > began_ns:
            starved += 1
        else:
            own += 1
            own_samples += int(steps[gap]) - 1
    return _Silences(own, own_samples, starved)


def _without_pauses(recording: Samples, heard: Indices, number: int) -> Samples:
    """Return what was heard of an answer with its pauses removed and their fades undone.

    Undoes only what a pause may do: the last samples before it may fade out, to a sample of 0, and
    the first samples after it may fade in.
    """
    stretches = np.split(heard, np.flatnonzero(np.diff(heard) > 1) + 1)
    parts: list[npt.NDArray[np.int64]] = []
    position = 0
    for index, stretch in enumerate(stretches):
        magnitudes = answer_sign(number) * recording[stretch].astype(np.int64)
        if index > 0:
            edge = magnitudes[:LONGEST_FADE_SAMPLES]
            full = answer_ramp(position, len(edge))
            rising = int(np.argmin(np.append(edge < full, False)))
            edge[:rising] = full[:rising]
        if index < len(stretches) - 1:
            edge = magnitudes[-LONGEST_FADE_SAMPLES:]
            full = answer_ramp(position + len(magnitudes) - len(edge), len(edge) + 1)
            falling = int(np.argmin(np.append((edge < full[:-1])[::-1], False)))
            if falling:
                edge[-falling:] = full[-falling - 1 : -1]
                magnitudes = np.append(magnitudes, full[-1])
        parts.append(magnitudes)
        position += len(magnitudes)
    return (answer_sign(number) * np.concatenate(parts)).astype(PCM16)


def _sent_ns(deltas: Sequence[Delta], sample: int) -> float:
    """Return when the delta that holds `sample` was sent; infinity if it was not sent."""
    return next((float(d.sent_ns) for d in deltas if d.end_samples > sample), np.inf)


def _round_trip_ms(edge: Edge, turn: Turn, first: int) -> float:
    thinking_ns = turn.first_delta_ns - turn.recognised_ns
    captured_ns = edge.microphone.time_ns(turn.utterance_end_samples)
    return _ms(edge.speaker.time_ns(first) - captured_ns - thinking_ns)


def _ms(ns: float) -> float:
    return ns / 1e6
