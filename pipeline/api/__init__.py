"""The conversation as a library: what `import pipeline` offers.

    voice_session, blocking    the two forms: asynchronous and synchronous
    controls                   what both can do
    session_thread             runs the supervisor in a thread of its own
    event_queue                events on their way to the user
    sound                      a microphone and a speaker of the user's own
    session_sound              runs them: microphone_pump, speaker_port
    waker                      wakes an event loop from another thread
    session_tools              the user's functions
    values                     what a user can look at
    event_schema               the manual's table of events

Everything that has to be on time runs in other processes. Here only events and commands pass, so a
user that blocks delays neither the sound, nor an interruption, nor the microphone.
"""
