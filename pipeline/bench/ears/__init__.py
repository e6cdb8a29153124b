"""What `bench ears` measures: the ears in a conversation, over a sound card and through a room.

    phrase ──▶ microphone ──▶ the program's processes ──▶ loudspeaker ─┬─▶ recorded
                   ▲                      │                            │
                   │                      └─▶ what is sent, recorded   │
                   └────────────────── room, echo ◀────────────────────┘

The card is JACK's dummy driver and the room is computed, or both are real (`--device`). A scripted
service answers, and notices a voice 200 ms after it began and a network round trip later, as far as
the program is concerned. The voices are the offline service's, or recordings of people. What was
sent up is given to the offline service afterwards: does it take the echo for a person, and which
words does it understand.
"""
