"""What passes the cards and what happens, written to a folder.

    capture  ── microphone ring ──▶ tracks ──▶ wave file
    playback ──── speaker ring ───▶   │ places
    supervisor ───── events ──────────┴──────▶ event log, transcript

A frame stays in its ring until it is written, and a new recorder is told the latest events again,
so it loses nothing of either. It makes the transcript anew from the event log.
"""

import time
from contextlib import ExitStack, closing
from heapq import merge

from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.commands import Command, RecordEvent
from pipeline.ipc.events import Notice, Trace
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ
from pipeline.recorder.event_log import EventLog
from pipeline.recorder.job import (
    EVENTS_NAME,
    MARKDOWN_NAME,
    SUBTITLES_NAME,
    WAVE_NAME,
    RecorderJob,
)
from pipeline.recorder.reading import RecordingClock, read_entries
from pipeline.recorder.sound_spans import SoundSpan, SoundSpans
from pipeline.recorder.tracks import MicrophoneTrack, SpeakerTrack, Timeline
from pipeline.recorder.transcript import Transcript
from pipeline.recorder.wave_file import LEFT, RIGHT, WaveFile
from pipeline.shm.frames import Frame
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import SharedState

FLUSH_NS = NS_PER_S // 2
CLOCK_SAMPLES = 10 * SAMPLE_RATE_HZ
"""How often the log tells which time belongs to which sample."""


class Ring:
    """Frames on their way from a ring; they stay in it until they are written."""

    def __init__(self, reader: RingReader) -> None:
        self._reader = reader
        self._taken = 0

    def take(self) -> list[Frame]:
        frames = []
        while (frame := self._reader.front(self._taken)) is not None:
            self._taken += 1
            frames.append(frame)
        return frames

    def commit(self) -> None:
        self._reader.advance(self._taken)
        self._taken = 0


class Recorder:
    """Writes the four files.

    :param rings: the microphone's and the speaker's.
    :param files: closes them.
    :raises OSError: one cannot be written; so do all methods.
    """

    def __init__(
        self,
        state: SharedState,
        rings: tuple[FrameRing, FrameRing],
        job: RecorderJob,
        link: SupervisorLink,
        files: ExitStack,
    ) -> None:
        microphone, speaker = rings
        self._state = state
        self._job = job
        self._link = link
        self._log = files.enter_context(closing(EventLog(job.folder / EVENTS_NAME)))
        self._wave = files.enter_context(closing(WaveFile(job.folder / WAVE_NAME)))
        self._transcript = Transcript(job.started, reads_ahead=job.reads_ahead)
        self._timeline = Timeline(job.start_ns)
        self._events = 0
        words = state.recorder
        self._microphone = MicrophoneTrack(
            "microphone", self._timeline, words.microphone_place, self._shifted
        )
        self._speaker = SpeakerTrack(
            self._timeline, self._microphone, words.speaker_place, self._shifted
        )
        self._microphone_ring = Ring(microphone.reader())
        self._speaker_ring = Ring(speaker.reader())
        self._spans = SoundSpans(self._note_sound)
        self._cut_generation = state.playback.cut_generation.load()
        self._clock_due = 0
        self._flush_due_ns = 0
        self._late_samples = 0
        self._told_lost = False
        self._begin()

    def handle(self, command: Command) -> None:
        """Take an event, unless the log has it from the recorder before."""
        if isinstance(command, RecordEvent) and command.number >= self._events:
            self._events = command.number + 1
            self._log.add(command.event)
            place = self._timeline.place(command.event["time_ns"])
            self._transcript.take(command.event, place)

    def take(self) -> int:
        """Take what the cards have passed, in the order of its time; returns how many frames."""
        heard = [(frame, self._take_microphone) for frame in self._microphone_ring.take()]
        sounded = [(frame, self._take_speaker) for frame in self._speaker_ring.take()]
        for frame, take in merge(heard, sounded, key=lambda taken: taken[0].capture_time_ns):
            take(frame)
        self._look()
        if (now_ns := time.monotonic_ns()) >= self._flush_due_ns:
            self._flush_due_ns = now_ns + FLUSH_NS
            self._flush()
        return len(heard) + len(sounded)

    def end(self) -> None:
        """Write the last of it."""
        self._spans.end()
        self._log.add({"record": "end", "time_ns": time.monotonic_ns(), "sample": self._wave.end})
        self._flush()

    def _take_microphone(self, frame: Frame) -> None:
        place, samples = self._microphone.place(frame)
        self._late_samples += self._wave.put(LEFT, place, samples)
        self._tell_clock(place)

    def _take_speaker(self, frame: Frame) -> None:
        rate_hz = self._state.playback.rate_hz.load() or SAMPLE_RATE_HZ
        if (placed := self._speaker.place(frame, rate_hz)) is not None:
            self._late_samples += self._wave.put(RIGHT, placed.place, placed.samples)
            self._spans.add(frame.item, placed.place, placed.place + len(placed.samples))

    def _begin(self) -> None:
        if self._log.is_new:
            self._log.add(
                {
                    "record": "header",
                    **self._job.facts,
                    "started": self._job.started,
                    "rate_hz": SAMPLE_RATE_HZ,
                    "time_ns": self._job.start_ns,
                    "sample": 0,
                }
            )
        else:
            self._read_again()
            self._log.add({"record": "continued", "time_ns": time.monotonic_ns()})
        self._flush()

    def _read_again(self) -> None:
        """Take what the log holds from the recorder before."""
        entries = [entry for entry in read_entries(self._job.folder / EVENTS_NAME) if entry]
        clock = RecordingClock(entries)
        for entry in entries:
            if "event" in entry:
                self._events += 1
                self._transcript.take(entry, clock.place(entry["time_ns"]))

    def _flush(self) -> None:
        """Write, and only then give the frames back and tell the places."""
        self._wave.flush()
        self._log.flush()
        self._transcript.write(self._job.folder / MARKDOWN_NAME, self._job.folder / SUBTITLES_NAME)
        self._microphone.commit()
        self._speaker.commit()
        self._microphone_ring.commit()
        self._speaker_ring.commit()

    def _note_sound(self, span: SoundSpan) -> None:
        self._log.add(
            {
                "record": "sound",
                "time_ns": self._timeline.time_ns(span.begin),
                "item": span.item,
                "sample": span.begin,
                "end_sample": span.end,
            }
        )

    def _look(self) -> None:
        """Look at what others measure: cuts, and what the rings had no place for."""
        self._spans.look(self._timeline.place(time.monotonic_ns()))
        cut = self._state.latest_cut()
        if cut is not None and cut.generation > self._cut_generation:
            self._cut_generation = cut.generation
            self._log.add(
                {
                    "record": "cut",
                    "time_ns": cut.time_ns,
                    "sample": self._timeline.place(cut.time_ns),
                    "generation": cut.generation,
                    "item": cut.heard.item,
                    "heard_samples": cut.heard.samples,
                    "discarded_frames": cut.discarded_frames,
                    "speech_heard_ns": self._state.network.speech_heard_ns.load(),
                }
            )
        self._tell_lost()

    def _tell_lost(self) -> None:
        dropped = self._state.capture.unrecorded_frames.load()
        dropped += self._state.playback.unrecorded_frames.load()
        if dropped + self._late_samples and not self._told_lost:
            self._told_lost = True
            self._log.add({"record": "lost", "time_ns": time.monotonic_ns(), "frames": dropped})
            self._link.report(
                Notice("The recording was too slow: parts of it are silent. The sound was not.")
            )

    def _tell_clock(self, place: int) -> None:
        if place >= self._clock_due:
            self._clock_due = place + CLOCK_SAMPLES
            time_ns = self._timeline.time_ns(place)
            self._log.add({"record": "clock", "time_ns": time_ns, "sample": place})

    def _shifted(self, track: str, place: int, samples: int) -> None:
        self._log.add(
            {
                "record": "silence",
                "time_ns": self._timeline.time_ns(place),
                "track": track,
                "sample": place,
                "samples": samples,
            }
        )
        if track == "microphone":
            self._clock_due = place
        self._link.report(Trace(f"recording: {samples} samples of silence before the {track}"))
