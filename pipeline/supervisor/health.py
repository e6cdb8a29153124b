"""Notices what goes wrong while the conversation continues, from counters in shared state."""

import time
from collections.abc import Callable, Iterator

from pipeline.pcm import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, samples_to_ms
from pipeline.shm.atomics import Word
from pipeline.shm.state import SharedState
from pipeline.shm.watchdog import Heartbeat

_REMEDIES = {
    "microphone": "check it, or choose another with --input",
    "loudspeaker": "check it, or choose another with --output",
    "network process": "if this lasts, press Ctrl-C and start again",
}


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
        self._latest_ns: int | None = None

    def notices(self, now_ns: int) -> Iterator[str]:
        samples = self._word.load()
        if samples > self._samples:
            if self._latest_ns is None:
                yield f"Microphone audio is being lost: {self._reason}."
            self._samples, self._latest_ns = samples, now_ns
        elif self._latest_ns is not None and now_ns - self._latest_ns > self.QUIET_S * NS_PER_S:
            lost_s = (samples - self._before_samples) / SAMPLE_RATE_HZ
            yield f"No more microphone audio is lost; {lost_s:.2f} s were lost in all."
            self._before_samples, self._latest_ns = samples, None


class HealthMonitor:
    """Reports each loss, pause and standstill once, and its end."""

    def __init__(self, state: SharedState, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._playback = state.playback
        self._clock_ns = clock_ns
        self._loss = _Loss("the network is away for too long", state.capture.lost_samples)
        self._gap_samples = state.capture.gap_samples
        self._noticed_gap_samples = 0
        self._noticed_underruns = 0
        self._heartbeats = {
            "microphone": Heartbeat(state.capture.heartbeat_ns),
            "loudspeaker": Heartbeat(state.playback.heartbeat_ns),
            "network process": Heartbeat(state.network.heartbeat_ns),
        }

    def notices(self) -> Iterator[str]:
        """Yield a sentence for each new event; call this a few times a second."""
        yield from self._loss.notices(self._clock_ns())
        yield from self._gaps()
        yield from self._pauses()
        yield from self._standstills()

    def _gaps(self) -> Iterator[str]:
        samples = self._gap_samples.load()
        if samples > self._noticed_gap_samples:
            lost_ms = samples_to_ms(samples - self._noticed_gap_samples)
            yield f"{lost_ms} ms of microphone audio were lost: it had to be opened again."
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

    def _standstills(self) -> Iterator[str]:
        """Watch heartbeats: after a card is pulled out, or when it hangs, a process may not end."""
        for name, heartbeat in self._heartbeats.items():
            if heartbeat.changed(self._clock_ns()):
                yield (
                    f"The {name} has not worked for {heartbeat.PATIENCE_S} s: {_REMEDIES[name]}."
                    if heartbeat.silent
                    else f"The {name} is working again."
                )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
