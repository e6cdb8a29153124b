"""The words of the shared state: which process writes which, and what each means."""

from pipeline.shm.atomics import Word
from pipeline.structs import Struct


class SupervisorFields(Struct):
    """Written by the supervisor."""

    stop: Word
    """1: fade out and end."""
    finished: Word
    """1: the conversation has ended as it should."""
    muted: Word
    """1: silence takes the place of what the microphone hears."""
    ears: Word
    """Number of the ears process that lives, from 1; 0: there is none. The numbers before it have
    ended for sure: they write nothing any more."""


class CaptureFields(Struct):
    """Written by the capture process."""

    captured_samples: Word
    """Samples taken from the microphone, in whole frames, lost ones included."""
    lost_samples: Word
    """Samples dropped because the ring was full."""
    gap_samples: Word
    """Samples that passed while the card was being reopened."""
    input_overruns: Word
    """Periods that the card reported as lost."""
    ended: Word
    """1: a recorded input has ended and every frame of it is published."""
    clock_start_ns: Word
    """``time.monotonic_ns`` of a recorded input's first sample; a new process keeps the clock."""
    captured_until_ns: Word
    """``time.monotonic_ns`` at which the samples end that were put into frames."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""
    callback_ns: Word
    """``time.monotonic_ns`` of the latest frame: the microphone works."""
    level: Word
    """Packed `LevelReading`; 0 for a recorded input."""
    route: Word
    """Number of the ears process that gets the microphone in blocks, and alone writes the frames.
    0: capture writes them itself."""
    unrecorded_frames: Word
    """Frames that the recorder does not get, because its ring was full."""


class NetworkFields(Struct):
    """Written by the network process."""

    generation: Word
    """Number of interruptions so far. Playback drops every frame of a smaller generation."""
    ready: Word
    """1: the session is configured and hears the microphone."""
    sent_samples: Word
    """Microphone samples handed to the service; those that a later session was sent again too."""
    released_samples: Word
    """Microphone samples that no session needs any more, counted from the first in the ring. Stored
    before the ring's `read`, which is the frame that this sample lies in."""
    lost_samples: Word
    """Microphone samples given up because the service was away for too long."""
    speech_heard_ns: Word
    """``time.monotonic_ns`` at which the service's latest `speech_started` was read."""
    interrupted_ns: Word
    """``time.monotonic_ns`` just before the generation grew last."""
    round_trip_ns: Word
    """From a ping to the service to its answer, the latest; 0: there was none yet."""
    session_ends_ns: Word
    """``time.monotonic_ns`` from which the next session may take over; 0: there is no session."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""


class PlaybackFields(Struct):
    """Written by the playback process."""

    heard: Word
    """Packed `Position` of the latest sample that has left the loudspeaker."""
    handed: Word
    """Packed `Position` of the latest sample handed to the device."""
    played_samples: Word
    """Answer samples handed to the device, of all items."""
    underruns: Word
    """Pauses inside answers, because the next samples came too late."""
    playout_delay_ns: Word
    """How long an answer waits before it sounds, while the service is not ahead of real time."""
    playout_waited_ns: Word
    """Sum of these waits over all answers."""
    output_underruns: Word
    """Periods that the card reported as missed."""
    clock_start_ns: Word
    """``time.monotonic_ns`` of a recording's first sample; a new process keeps the clock."""
    cut_begun: Word
    """Generation of the latest cut, stored before the three words that describe it."""
    cut_heard: Word
    cut_time_ns: Word
    cut_discarded_frames: Word
    cut_generation: Word
    """Generation of the latest cut, stored after them."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""
    callback_ns: Word
    """``time.monotonic_ns`` of the latest period: the loudspeaker works."""
    held: Word
    """Number of the hold in which the answer stands still; 0: none."""
    rate_hz: Word
    """Samples a second of the loudspeaker, in which the rings of what sounds count."""
    given_samples: Word
    """Samples given to a program that is the speaker itself, at its rate."""
    reference_lost_periods: Word
    """Periods that the ears do not know of, because the reference ring was full."""
    unrecorded_frames: Word
    """Frames that the recorder does not get, because its ring was full."""
    ready_tones: Word
    """1: the tone that says that the conversation is ready has begun."""


class EarsFields(Struct):
    """Written by the ears process."""

    ready: Word
    """Number of the ears process that has loaded all that it needs; see `SupervisorFields.ears`."""
    hold: Word
    """Number of the hold in which playback is to stand still; 0: none."""
    holds: Word
    """Number of holds so far."""
    resumed: Word
    """Number of holds after which the answer went on."""
    interrupt: Word
    """Generation that silences the answer over which a person certainly speaks; 0: none does. The
    network process makes it the current one, if it is not yet."""
    turn_begin_ns: Word
    """``time.monotonic_ns`` at which the user's latest turn begins, if the ears mark turns."""
    turn_end_ns: Word
    """Where the latest turn ends that has ended. Less than `turn_begin_ns`: the user speaks."""
    realigned: Word
    """How often the cards' times put the reference to another place."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""


class ProgramFields(Struct):
    """Written by the program that is the sound card itself, in the supervisor's process."""

    requested_samples: Word
    """Samples asked for so far, at the speaker's rate."""
    confirmed: Word
    """Packed `Position` up to which the answers have sounded, at the speaker's rate."""


class RecorderFields(Struct):
    """Written by the recorder."""

    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""
    microphone_place: Word
    """Where the microphone lies in the recording, for a new process; see `recorder/tracks.py`.
    0: nowhere yet."""
    speaker_place: Word
    """The same of the loudspeaker."""
