"""Renders each period of playback: cuts stale answers, plays what is next, publishes the position.

ring ──▶ answers ──▶ fade ──▶ device buffer ──▶ (device latency) ──▶ loudspeaker
▲          ▲                                                │
generation   at a cut                        heard position ◀────┘
"""

import time
from collections import deque

import numpy as np

from pipeline.audio.answer_source import Answers
from pipeline.audio.fade import fade_samples, falling
from pipeline.audio.hold import Pause
from pipeline.audio.program_outlet import Outlet
from pipeline.audio.ready_tone import ReadyTone
from pipeline.audio.recorder_tap import RecorderTap
from pipeline.audio.reference import ReferenceWriter
from pipeline.pcm import Samples, samples_to_ns
from pipeline.shm.state import CutReport, Position, SharedState


class Player:
    """Renders periods at `rate_hz`. Call `render` from one thread: the stream's.

    A player in a new process goes on where the words say that the one before it stood. What had
    been handed to that one's device counts as heard.

    :param pause: what the ears may do to an answer; None: there are no ears, or they may not.
    :param reference: takes what sounds, for the ears.
    :param outlet: takes what sounds, for a program that is the speaker itself.
    :param recorder: takes all that the device is given, for the recorder.
    :param tone: sounds before the first answer.
    """

    def __init__(
        self,
        answers: Answers,
        state: SharedState,
        rate_hz: int,
        *,
        pause: Pause | None = None,
        reference: ReferenceWriter | None = None,
        outlet: Outlet | None = None,
        recorder: RecorderTap | None = None,
        tone: ReadyTone | None = None,
    ) -> None:
        self._answers = answers
        self._state = state
        self._pause = pause
        self._reference = reference
        self._outlet = outlet
        self._recorder = recorder
        self._tone = tone
        self._words = state.playback
        self._load_generation = state.network.generation.load
        self._load_stop = state.supervisor.stop.load
        self._store_callback_ns = state.playback.callback_ns.store
        self._rate_hz = rate_hz
        self._generation = self._words.cut_generation.load()
        self._stopped = False
        self._sounding = False
        self._silent: Samples | None = None  # the array of the latest period, if it holds silence
        self._fade_samples = fade_samples(rate_hz)
        self._tail = np.zeros(0, np.int16)
        self._tail_generation = self._generation
        self._handed = answers.position
        self._on_the_way: deque[tuple[int, Position]] = deque([(0, self._handed)])

    def render(self, out: Samples, sounds_at_ns: int) -> None:
        """Fill `out` completely; its first sample leaves the loudspeaker at `sounds_at_ns`.

        An empty `out` only carries out an interruption.
        """
        # barge-in: acquire pairs with the network process's release. Loaded in every period, also
        # in the middle of a frame.
        generation = self._load_generation()
        if generation != self._generation:
            self._cut(generation, sounds_at_ns)
        if not self._stopped and self._load_stop():
            self._stop()
        if not len(out):
            self._note_heard(time.monotonic_ns())
            return
        stands_still = self._stopped
        if self._pause is not None and not self._stopped:
            self._look_at_pause(self._pause, len(out))
            stands_still = self._pause.stands_still
        fading_out = len(self._tail) > 0
        filled = self._take_tail(out) if fading_out else 0
        taken = 0
        if not stands_still:
            taken = self._take_answers(out[filled:] if filled else out)
            filled += taken
        if self._pause is not None:
            self._pause.shape(out[:filled], fading_out=fading_out)
        if filled:
            self._silent = None
            if filled < len(out):
                out[filled:] = 0
        elif out is not self._silent:
            out.fill(0)
            self._silent = out
        self._sounding = taken > 0 and filled == len(out)  # a fade-out may end with the period
        audible = filled
        if self._tone is not None:
            audible = self._add_tone(self._tone, out, filled)
        self._tell_what_sounds(out, audible, sounds_at_ns, fading_out=fading_out)
        self._note_position(sounds_at_ns, filled)

    def _add_tone(self, tone: ReadyTone, out: Samples, filled: int) -> int:
        """Return how much of `out` sounds with the tone in it; `filled` of it is an answer."""
        audible = tone.mix(out, filled, silenced=self._stopped)
        if audible:
            self._silent = None
        if tone.over:
            self._tone = None
        return audible

    def _tell_what_sounds(
        self, out: Samples, filled: int, sounds_at_ns: int, *, fading_out: bool
    ) -> None:
        if self._outlet is not None:
            self._outlet.put(out, filled, self._answers.position, fading_out=fading_out)
        if self._reference is not None:
            if filled:
                generation = self._tail_generation if fading_out else self._generation
                self._reference.put(out, sounds_at_ns, generation)
            else:
                self._reference.skip(len(out))
        if self._recorder is not None:
            if filled:
                self._recorder.put(out, sounds_at_ns, item=self._answers.position.item)
            else:
                self._recorder.put_silence(out, sounds_at_ns)

    def _look_at_pause(self, pause: Pause, samples: int) -> None:
        fading = pause.look(samples, sounding=self._sounding and not len(self._tail))
        if len(fading):
            self._tail = fading
            self._tail_generation = self._generation

    def _take_answers(self, out: Samples) -> int:
        count = self._answers.take(out)
        if count:
            self._words.played_samples.add(count)
        return count

    def _cut(self, generation: int, sounds_at_ns: int) -> None:
        """Fade out what is sounding and drop everything older than `generation`."""
        if self._outlet is not None and self._outlet.confirms:
            self._tail = self._tail[:0]  # the program drops what it has, and may fade it
        else:
            self._fade_out()
        self._generation = generation
        position = self._answers.position
        if self._outlet is not None:
            position = self._outlet.cut(generation, position, len(self._tail))
        discarded_frames = self._answers.discard(generation)
        if self._pause is not None:
            self._pause.cut()
        silent_at_ns = sounds_at_ns + samples_to_ns(len(self._tail), self._rate_hz)
        self._state.publish_cut(CutReport(generation, position, silent_at_ns, discarded_frames))

    def _stop(self) -> None:
        self._stopped = True
        self._fade_out()

    def _fade_out(self) -> None:
        """Make a fade-out of the next samples, unless silence or a fade-out is sounding."""
        if self._tail.size or not self._sounding:
            return
        tail = np.zeros(self._fade_samples, np.int16)
        count = self._take_answers(tail)
        self._tail = (tail[:count] * falling(count)).astype(np.int16)
        self._tail_generation = self._generation

    def _take_tail(self, out: Samples) -> int:
        count = min(len(self._tail), len(out))
        out[:count] = self._tail[:count]
        self._tail = self._tail[count:]
        return count

    def _note_position(self, sounds_at_ns: int, filled: int) -> None:
        """Publish the position handed to the device, and the one that has left the loudspeaker."""
        now_ns = time.monotonic_ns()
        self._store_callback_ns(now_ns)
        position = self._answers.position
        if position != self._handed:
            self._handed = position
            self._words.handed.store(position.packed())
            self._answers.give_back(position)
            if self._outlet is None or not self._outlet.confirms:
                sounded_at_ns = sounds_at_ns + samples_to_ns(filled, self._rate_hz)
                self._on_the_way.append((sounded_at_ns, position))
        self._note_heard(now_ns)

    def _note_heard(self, now_ns: int) -> None:
        if self._outlet is not None and self._outlet.confirms:
            heard = self._outlet.heard().packed()
            if heard > self._words.heard.load():
                self._words.heard.store(heard)
            return
        while self._on_the_way and self._on_the_way[0][0] <= now_ns:
            self._words.heard.store(self._on_the_way.popleft()[1].packed())
