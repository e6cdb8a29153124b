"""Notices what goes wrong while the conversation continues, from counters in shared state."""

import time
from collections.abc import Callable, Iterator

from pipeline.pcm import NS_PER_MS, samples_to_ms
from pipeline.shm.state import SharedState
from pipeline.shm.watchdog import Heartbeat

_REMEDIES = {
    "microphone": "check it, or choose another with --input",
    "loudspeaker": "check it, or choose another with --output",
    "network process": "if this lasts, press Ctrl-C and start again",
}


class HealthMonitor:
    """Reports each loss, pause and standstill once."""

    def __init__(self, state: SharedState, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._playback = state.playback
        self._clock_ns = clock_ns
        self._losses = {
            "the network was away for too long": state.network.lost_samples,
            "the network process stood still for too long": state.capture.lost_samples,
            "it had to be opened again": state.capture.gap_samples,
        }
        self._noticed_samples = dict.fromkeys(self._losses, 0)
        self._noticed_underruns = 0
        self._heartbeats = {
            "microphone": Heartbeat(state.capture.heartbeat_ns),
            "loudspeaker": Heartbeat(state.playback.heartbeat_ns),
            "network process": Heartbeat(state.network.heartbeat_ns),
        }

    def notices(self) -> Iterator[str]:
        """Yield a sentence for each new event; call this a few times a second."""
        yield from self._microphone_losses()
        yield from self._pauses()
        yield from self._standstills()

    def _microphone_losses(self) -> Iterator[str]:
        for reason, word in self._losses.items():
            samples = word.load()
            if samples > self._noticed_samples[reason]:
                lost_ms = samples_to_ms(samples - self._noticed_samples[reason])
                yield f"{lost_ms} ms of microphone audio were lost: {reason}."
            self._noticed_samples[reason] = samples

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
