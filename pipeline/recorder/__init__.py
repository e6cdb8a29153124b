"""Records a conversation to a folder: `run --record DIR`.

    process        takes what passes the cards and what happens, and writes it
    tracks         where a card's periods lie in the recording
    wave_file      conversation.wav
    event_log      events.jsonl
    transcript     transcript.md and transcript.vtt
    reading        events.jsonl, read again
    job            what the process is told when it starts

It runs in a process of its own. Nothing waits for it: capture and playback drop periods that it
does not take, and the supervisor replaces it.
"""
