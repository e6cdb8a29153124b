"""Formats and codecs of the wire's sound, and the sound that was received."""
