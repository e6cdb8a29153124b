"""The process in which the model's calls run the user's functions, and their schemas.

No other process runs the user's code: a call that holds the interpreter delays neither the sound,
nor a cut, nor the microphone.
"""
