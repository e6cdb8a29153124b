"""The process in which a user's functions run when the model calls them, and their schema.

No other process ever runs a user's code, so that a call which holds the interpreter delays neither
the sound, nor a cut, nor the microphone.
"""
