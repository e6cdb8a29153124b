"""From a recording at the device edge and the service's notes to figures: pure functions.

Whose samples they are is read off the recording itself (`pipeline.bench.signals`); the notes only
say when things were written to the socket.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.bench.notes import Delta, Notes, Turn
from pipeline.bench.signals import CYCLE, LOWEST, answer_ramp, answer_sign
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, samples_to_ms
from pipeline.samples import Samples

LONGEST_FADE_SAMPLES = 5 * SAMPLE_RATE_HZ // 1_000
"""A fade may take up to 5 ms; whatever is attenuated earlier counts as out of order."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Edge:
    """The cards' clocks, ``time.monotonic_ns``."""

    speaker_ns: int
    """Sample 0 passed towards the loudspeaker."""
    microphone_ns: int
    """Sample 0 was captured."""
    notice_ns: int
    """How long before its time a sample must be sent so that a client can be blamed for its
    absence: a card period and the way to the client."""

    def index(self, time_ns: int) -> int:
        """The first sample that passes the edge at `time_ns` or later."""
        return max(0, -((self.speaker_ns - time_ns) * SAMPLE_RATE_HZ // NS_PER_S))

    def time_ns(self, index: int) -> float:
        return self.speaker_ns + index * NS_PER_S / SAMPLE_RATE_HZ

    def captured_ns(self, samples: int) -> float:
        """When `samples` microphone samples had been captured."""
        return self.microphone_ns + samples * NS_PER_S / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class TurnFigures:
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
    """Those of them that passed after a first silence: the cut was not one."""
    dropouts: int
    """Silences inside the answer, before speech_started, though the client had its samples."""
    dropout_ms: float
    starved: int
    """Silences for which the client did not have the next samples yet."""
    breaks: int
    """Places at which anything but the very next sample follows; the final fade is none."""
    memory_error_ms: int
    """What the model remembers to have said beyond what was heard; below 0 if too little."""


def turn_figures(
    recording: Samples, edge: Edge, turn: Turn, begin: int, end: int
) -> TurnFigures | None:
    """Figures of one turn; None if nothing of its answer was heard.

    :param begin: sample from which on this answer is the only one of its sign,
    :param end: and the one up to which it is.
    """
    window = recording[begin:end]
    heard = begin + np.flatnonzero(np.sign(window) == answer_sign(turn.number))
    if not heard.size:
        return None
    started = edge.index(turn.speech_started_ns)
    ends = _first_stretch_after(heard, started)
    before, leaked = heard[:ends], heard[ends:]
    dropouts, starved, dropout_samples = _silences(before[before < started], edge, turn.deltas)
    return TurnFigures(
        cut_ms=max(0.0, _ms(edge.time_ns(int(heard[-1]) + 1) - turn.speech_started_ns)),
        speak_ms=_ms(edge.time_ns(int(heard[0])) - turn.first_delta_ns),
        round_trip_ms=_round_trip_ms(edge, turn, int(heard[0])),
        stale_samples=int(np.count_nonzero(heard >= started)),
        leaked_samples=len(leaked),
        dropouts=dropouts,
        dropout_ms=dropout_samples * 1_000 / SAMPLE_RATE_HZ,
        starved=starved,
        breaks=breaks(recording[before], turn.number),
        memory_error_ms=memory_error_ms(recording[before], turn) - samples_to_ms(len(leaked)),
    )


def all_turn_figures(
    recording: Samples, edge: Edge, turns: Sequence[Turn]
) -> list[TurnFigures | None]:
    """Figures of each turn, in order.

    Answers of the same sign are told apart at the interruption of the answer between them: far
    from both, as a callback that runs late puts samples where the clock would have had them.
    """
    cuts = [edge.index(turn.speech_started_ns) for turn in turns]
    begins, ends = [0, *cuts[:-1]], [*cuts[1:], len(recording)]
    return [turn_figures(recording, edge, *of) for of in zip(turns, begins, ends, strict=True)]


def breaks(heard: Samples, number: int) -> int:
    """How often what was heard of answer `number` does not go on with the very next sample.

    It must begin with the answer's first one. The last few may fall to silence instead: a fade.
    """
    magnitudes = answer_sign(number) * heard.astype(np.int64)
    steps = np.diff(magnitudes, prepend=LOWEST - 1)
    follows = steps % CYCLE == 1
    body = max(0, len(heard) - LONGEST_FADE_SAMPLES)
    whole_tail = follows[body:]
    faded = body + (len(whole_tail) if whole_tail.all() else int(whole_tail.argmin()))
    return int(np.count_nonzero(~follows[:faded]) + np.count_nonzero(steps[faded:] >= 0))


def memory_error_ms(heard: Samples, turn: Turn) -> int:
    """What the model remembers of the answer, less what was heard of it, in whole milliseconds."""
    fades = heard.size > 0 and abs(int(heard[-1])) != answer_ramp(len(heard) - 1, 1)[0]
    # The last sample of a fade is silent: it was heard, but looks like the silence after it.
    heard_ms = samples_to_ms(len(heard) + int(fades))
    remembered_ms = turn.remembered_ms
    if remembered_ms is None:
        remembered_ms = samples_to_ms(turn.sent_samples)
    return remembered_ms - heard_ms


def microphone_ms(notes: Notes, edge: Edge) -> list[float]:
    """For each frame: from the capture of its last sample until the service holds it."""
    return [_ms(arrived_ns - edge.captured_ns(samples)) for arrived_ns, samples in notes.appends]


def _first_stretch_after(heard: Indices, started: int) -> int:
    """How many of `heard` pass before the first silence that begins at `started` or later."""
    gaps = np.flatnonzero(np.diff(heard) > 1)
    later = gaps[heard[gaps] + 1 >= started]
    if later.size:
        return int(later[0]) + 1
    return len(heard)


def _silences(heard: Indices, edge: Edge, deltas: Sequence[Delta]) -> tuple[int, int, int]:
    """Silences between samples: the client's own, those for want of samples, and their length."""
    steps = np.diff(heard)
    own = starved = own_samples = 0
    for gap in np.flatnonzero(steps > 1):
        began_ns = edge.time_ns(int(heard[gap]) + 1)
        sent_ns = _sent_ns(deltas, int(gap) + 1)
        if sent_ns + edge.notice_ns > began_ns:
            starved += 1
        else:
            own += 1
            own_samples += int(steps[gap]) - 1
    return own, starved, own_samples


def _sent_ns(deltas: Sequence[Delta], sample: int) -> float:
    """When the delta that holds `sample` was sent; never, if none does."""
    return next((float(d.sent_ns) for d in deltas if d.end_samples > sample), np.inf)


def _round_trip_ms(edge: Edge, turn: Turn, first: int) -> float:
    thinking_ns = turn.first_delta_ns - turn.recognised_ns
    captured_ns = edge.captured_ns(turn.utterance_end_samples)
    return _ms(edge.time_ns(first) - captured_ns - thinking_ns)


def _ms(ns: float) -> float:
    return ns / 1e6
