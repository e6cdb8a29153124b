"""What `bench` measures, and what it does not.

    scripted service                 the client under test                virtual card
    ────────────────                 ─────────────────────                ────────────
    speech_started ── loopback ──▶ network ── generation ──▶ playback ──▶ edge ─┐ own latency
         │                            process   (state)       process      ▲     └─▶ loudspeaker
         └───────────────────────────── cut ───────────────────────────────┘
    first delta ──── loopback ──▶ network ── playback ring ──▶ playback ──▶ edge
         └──────────────────────────── speak ──────────────────────────────┘
    append  ◀─────── loopback ─── network ◀─ capture ring ── capture ◀── microphone
         └────────────────────────── microphone ──────────────────────────┘
    first delta ◀── ready ── service ◀── append ◀── … ◀── end of the utterance
         └─── … ──▶ edge: voice round trip ──────────────────┘

The card is a clock: it calls the same callbacks in the same processes at exact multiples of its
period, and records every sample at the *edge*, where a real card would take it. Sample *n* passes
the edge at the card's start plus *n*/24000 s; a callback that needs longer than the card's one
period of buffer is counted as a dropout, unless the machine stood still meanwhile. The service
notes when it writes an event to its socket, by the same system-wide monotonic clock. It has a
processor whenever it needs one, as if it were on another machine, and what it does falls evenly
into the card's periods. What a real card, its driver and the air add after the edge is the same for
every client; the card's own buffer is reported beside the figures.
"""

NOT_MEASURED = (
    "the real network",
    "the real service's thinking time",
    "a real card and its driver",
    "echo",
)
