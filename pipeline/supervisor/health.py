"""Notices what goes wrong while the conversation continues, from counters in shared state."""

import time
from collections.abc import Callable, Container, Iterator

from pipeline.ipc.events import Connecting, Listening, Processing, Ready, SessionReady, UserSaid
from pipeline.ipc.reports import Report
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ, samples_to_ms
from pipeline.shm.atomics import Word
from pipeline.shm.fields import CaptureFields, PlaybackFields
from pipeline.shm.state import SharedState
from pipeline.shm.watchdog import Standstill
from pipeline.supervisor.microphone_hints import MicrophoneHints

_REMEDIES = {
    "microphone": "check it, or choose another with --input",
    "loudspeaker": "check it, or choose another with --output",
}
_OWN_REMEDIES = {
    "microphone": "the program that gives its sound has to go on",
    "loudspeaker": "the program that takes its sound has to go on",
}

_ECHO_S = 1.0
"""So long after an answer the microphone may still hear it."""

_UPLINK_STALLS_S = 0.5
"""Many times the longest frame: for so long the service has been sent nothing."""


class _Loss:
    """Microphone audio that is lost for one reason: tells when that begins and when it ends.

    :param word: counts the lost samples.
    """

    QUIET_S = 2
    """The loss has ended if nothing more was lost for so long."""

    def __init__(self, reason: str, word: Word) -> None:
        self._reason = reason
        self._word = word
        self._samples = 0
        self._before_samples = 0
        self._latest_s: float | None = None

    def notices(self, now_s: float) -> Iterator[str]:
        samples = self._word.load()
        if samples > self._samples:
            if self._latest_s is None:
                yield f"Microphone audio is being lost: {self._reason}."
            self._samples, self._latest_s = samples, now_s
        elif self._latest_s is not None and now_s - self._latest_s > self.QUIET_S:
            lost_s = (samples - self._before_samples) / SAMPLE_RATE_HZ
            yield f"No more microphone audio is lost; {lost_s:.2f} s were lost in all."
            self._before_samples, self._latest_s = samples, None


class HealthMonitor:
    """Reports each loss, pause and standstill once, and its end.

    :param now_s: a clock in seconds.
    :param own: "microphone" and "loudspeaker", if the program gives them instead of a card.
    :param service_hears_turns: whether the service is to notice that the user speaks.
    """

    def __init__(
        self,
        state: SharedState,
        now_s: Callable[[], float] = time.monotonic,
        own: Container[str] = (),
        *,
        service_hears_turns: bool = True,
    ) -> None:
        self._own = own
        self._playback = state.playback
        self._now_s = now_s
        self._losses = (
            _Loss("the network is away for too long", state.network.lost_samples),
            _Loss("the network process stands still for too long", state.capture.lost_samples),
        )
        self._gap_samples = state.capture.gap_samples
        self._noticed_gap_samples = 0
        self._noticed_underruns = 0
        self._ears = state.supervisor.ears
        self._reference_lost = False
        self._microphone = MicrophoneHints(
            state.capture.level, service_hears_turns=service_hears_turns
        )
        self._still = Standstill(state.playback.heard.load)
        self._uplink = Standstill(state.network.sent_samples.load)
        self._cards = {"microphone": _Card(state.capture), "loudspeaker": _Card(state.playback)}

    def handle(self, report: Report) -> None:
        """Note whether the service hears a voice, or is away."""
        if self._microphone.unheard is not None:
            match report:
                case Connecting() | Listening():
                    self._microphone.unheard.service_hears(True)
                case SessionReady() | Processing() | UserSaid() | Ready():
                    self._microphone.unheard.service_hears(False)

    def notices(self) -> Iterator[str]:
        """Yield a sentence for each new event; call this a few times a second."""
        for loss in self._losses:
            yield from loss.notices(self._now_s())
        yield from self._gaps()
        yield from self._pauses()
        yield from self._lost_reference()
        yield from self._standstills()
        self._still.look(self._now_s())
        sounds = self._still.standing_s < _ECHO_S
        self._uplink.look(self._now_s())
        stalls = self._uplink.standing_s >= _UPLINK_STALLS_S
        yield from self._microphone.notices(
            self._now_s(), answer_sounds=sounds, uplink_stalls=stalls
        )

    def _gaps(self) -> Iterator[str]:
        samples = self._gap_samples.load()
        if samples > self._noticed_gap_samples:
            lost_ms = samples_to_ms(samples - self._noticed_gap_samples)
            yield f"{lost_ms} ms of microphone audio were lost: it stood still or was opened again."
        self._noticed_gap_samples = samples

    def _pauses(self) -> Iterator[str]:
        underruns = self._playback.underruns.load()
        if underruns > self._noticed_underruns:
            delay_ms = self._playback.playout_delay_ns.load() // NS_PER_MS
            yield (
                f"The answer paused {_times(underruns - self._noticed_underruns)}: the network was "
                f"too slow. Answers begin up to {delay_ms} ms later until it recovers."
            )
        self._noticed_underruns = underruns

    def _lost_reference(self) -> Iterator[str]:
        """Tell it once; without ears nothing is lost."""
        lost = self._ears.load() and self._playback.reference_lost_periods.load()
        if lost and not self._reference_lost:
            self._reference_lost = True
            yield (
                "The ears stood still for too long to know all that sounded: an answer may have "
                "paused by itself."
            )

    def _standstills(self) -> Iterator[str]:
        """Watch the cards: after one is pulled out, or when it hangs, its process may not end."""
        for name, card in self._cards.items():
            if card.changed(self._now_s()):
                remedy = (_OWN_REMEDIES if name in self._own else _REMEDIES)[name]
                yield (
                    f"The {name} has not worked for {card.PATIENCE_S} s: {remedy}."
                    if card.silent
                    else f"The {name} is working again."
                )


class _Card:
    """Tells a card that does not call from a process that does not work, which is replaced.

    :ivar silent: whether the card had not called for too long when `changed` last looked.
    """

    PATIENCE_S = 3
    """Longer than reopening a card takes."""

    _PROCESS_PATIENCE_S = 1.0

    def __init__(self, words: CaptureFields | PlaybackFields) -> None:
        self._begun = words.callback_ns.load
        self._calls = Standstill(words.callback_ns.load)
        self._process = Standstill(words.heartbeat_ns.load)
        self.silent = False

    def changed(self, now_s: float) -> bool:
        """Look again and return whether `silent` changed."""
        self._process.look(now_s)
        process_works = self._process.standing_s < self._PROCESS_PATIENCE_S
        self._calls.look(now_s, counts=self._begun() > 0 and process_works)
        was_silent = self.silent
        self.silent = self._calls.standing_s > self.PATIENCE_S
        return self.silent != was_silent


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
