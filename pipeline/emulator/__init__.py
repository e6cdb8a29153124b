"""The built-in Voice Live service: real detection, recognition and speech on this machine alone.

Imports only run downwards::

    process            entry point: beside a conversation, or alone with `serve`
    server             socket, access, faults on demand
    session            client events in, server events out; the session's configuration
    responses          when a response begins and ends, its events, its sound
    replies   turns    the words of an answer; where the user's turns begin and end
    conversation       items, the user's finished turns, what an answer has said
    speech             models: detector, recogniser, synthesiser; text and its sound
    audio              formats and codecs, the sound that was received
    wire               events and their fields, `EventSink`

`turns` and `responses` never meet: `session.turn_answers` is between them. `sample` makes the
spoken sample for machines without a microphone.
"""
