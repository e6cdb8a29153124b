"""What sounds, for the ears: each period that is not silent, with the time at which it sounds.

Periods are counted in samples of the loudspeaker's own rate, silent ones too, so that the ears know
the length of each silence exactly.
"""

from pipeline.pcm import FRAME_SAMPLES, Samples, samples_to_ns
from pipeline.shm.fields import PlaybackFields
from pipeline.shm.ring import RingWriter


class ReferenceWriter:
    """Publishes periods. An audio callback may call it: a full ring drops and counts."""

    def __init__(self, writer: RingWriter, words: PlaybackFields, rate_hz: int) -> None:
        self._writer = writer
        self._words = words
        latest = writer.latest()
        self._rendered_samples = latest.end_samples if latest else 0
        words.rate_hz.store(rate_hz)

    def put(self, period: Samples, sounds_at_ns: int, generation: int) -> None:
        """Publish a period of an answer of `generation`.

        Its first sample leaves the loudspeaker at `sounds_at_ns`.
        """
        if len(period) > FRAME_SAMPLES:  # periods of 40 ms at 48 kHz
            self.put(period[:FRAME_SAMPLES], sounds_at_ns, generation)
            duration_ns = samples_to_ns(FRAME_SAMPLES, self._words.rate_hz.load())
            self.put(period[FRAME_SAMPLES:], sounds_at_ns + duration_ns, generation)
            return
        written = self._writer.write(
            period,
            generation=generation,
            item_offset_samples=self._rendered_samples,
            capture_time_ns=sounds_at_ns,
        )
        if not written:
            self._words.reference_lost_periods.add(1)
        self._rendered_samples += len(period)

    def skip(self, samples: int) -> None:
        """Count a silent period."""
        self._rendered_samples += samples
