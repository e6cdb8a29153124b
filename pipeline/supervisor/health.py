"""What a person may miss while the conversation goes on: losses counted in shared state."""

import time
from collections.abc import Callable, Iterator

from pipeline.pcm import NS_PER_MS, samples_to_ms
from pipeline.shm.state import SharedState
from pipeline.shm.watchdog import Heartbeat

_REMEDIES = {
    "microphone": "check it, or choose another with --input",
    "loudspeaker": "check it, or choose another with --output",
    "network process": "if it stays so, press Ctrl-C and start again",
}


class HealthMonitor:
    """Tells each loss, pause and standstill once, as soon as `notices` sees it."""

    def __init__(self, state: SharedState, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._playback = state.playback
        self._clock_ns = clock_ns
        self._losses = {
            "the network has been away for too long": state.capture.lost_samples,
            "its card was opened anew": state.capture.gap_samples,
        }
        self._told_samples = dict.fromkeys(self._losses, 0)
        self._told_underruns = 0
        self._heartbeats = {
            "microphone": Heartbeat(state.capture.heartbeat_ns),
            "loudspeaker": Heartbeat(state.playback.heartbeat_ns),
            "network process": Heartbeat(state.network.heartbeat_ns),
        }

    def notices(self) -> Iterator[str]:
        """A sentence for whatever is new; call it a few times a second."""
        yield from self._losses_of_the_microphone()
        yield from self._pauses()
        yield from self._standstills()

    def _losses_of_the_microphone(self) -> Iterator[str]:
        for reason, word in self._losses.items():
            samples = word.load()
            if samples > self._told_samples[reason]:
                lost_ms = samples_to_ms(samples - self._told_samples[reason])
                yield f"{lost_ms} ms of the microphone are lost: {reason}."
            self._told_samples[reason] = samples

    def _pauses(self) -> Iterator[str]:
        underruns = self._playback.underruns.load()
        if underruns > self._told_underruns:
            delay_ms = self._playback.playout_delay_ns.load() // NS_PER_MS
            yield (
                f"The answer paused {_times(underruns - self._told_underruns)}: the network was "
                f"too slow. Answers begin up to {delay_ms} ms later while it is."
            )
        self._told_underruns = underruns

    def _standstills(self) -> Iterator[str]:
        """A card that is pulled out, or a process that hangs, does not always end."""
        for name, heartbeat in self._heartbeats.items():
            if heartbeat.changed(self._clock_ns()):
                yield (
                    f"The {name} has stood still for {heartbeat.PATIENCE_S} s: {_REMEDIES[name]}."
                    if heartbeat.silent
                    else f"The {name} goes on."
                )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
