"""What passes a card, for the recorder: each period with its time, silence too.

Only the time of a silent period is published: a place that no period covers is silent. A recorder
that stands still or has died stalls nothing: a full ring drops periods and counts them. Positions
count all samples of all streams, so what was dropped leaves a hole of the right length.
"""

from pipeline.pcm import FRAME_SAMPLES, Samples, samples_to_ns
from pipeline.shm.atomics import Word
from pipeline.shm.ring import FLAG_STREAM_START, RingWriter


class RecorderTap:
    """Publishes periods at `rate_hz`. An audio callback may call it.

    :param unrecorded_periods: counts what was dropped.
    """

    def __init__(self, writer: RingWriter, unrecorded_periods: Word, rate_hz: int) -> None:
        self._writer = writer
        self._unrecorded_periods = unrecorded_periods
        self._rate_hz = rate_hz
        latest = writer.latest()
        self._position = latest.end_samples if latest else 0
        self._flags = FLAG_STREAM_START

    def stream_starts(self, rate_hz: int) -> None:
        """Let the time of the next period tell where it lies. Call this before a stream starts."""
        self._rate_hz = rate_hz
        self._flags = FLAG_STREAM_START

    def put(self, period: Samples, time_ns: int, *, item: int = 0) -> None:
        """Publish a period; its first sample was captured, or sounds, at `time_ns`.

        :param item: ordinal of the answer item that sounds; 0: none does.
        """
        if len(period) > FRAME_SAMPLES:  # periods of 40 ms at 48 kHz
            self.put(period[:FRAME_SAMPLES], time_ns, item=item)
            time_ns += samples_to_ns(FRAME_SAMPLES, self._rate_hz)
            self.put(period[FRAME_SAMPLES:], time_ns, item=item)
            return
        self._publish(period, time_ns, item)
        self._position += len(period)

    def put_silence(self, period: Samples, time_ns: int) -> None:
        """Publish the time of a period that is silent, or that is to be."""
        self._publish(period[:0], time_ns, 0)
        self._position += len(period)

    def _publish(self, samples: Samples, time_ns: int, item: int) -> None:
        written = self._writer.write(
            samples,
            item=item,
            item_offset_samples=self._position,
            capture_time_ns=time_ns,
            flags=self._flags,
        )
        if written:
            self._flags = 0
        else:
            self._unrecorded_periods.add(1)
