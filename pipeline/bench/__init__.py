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

The virtual card is a clock: it calls the same callbacks in the same processes at exact multiples of
its period, and records every sample at the *edge*, where a real card would take it. Sample *n*
passes the edge at the card's start plus *n*/24000 s. A callback that takes longer than the card's
buffer of one period counts as a dropout, unless the machine stood still meanwhile. The service logs
when it writes an event to its socket, on the same system-wide monotonic clock. It gets a processor
whenever it needs one, as if it ran on another machine, and its events are spread evenly over the
phases of the card's period. What a real card, its driver and the air add after the edge is the same
for every client; the report names the card's own buffer beside the times.
"""

NOT_MEASURED = (
    "the real network",
    "the real service's thinking time",
    "a real card and its driver",
    "echo",
)
