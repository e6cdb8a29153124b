"""The built-in Voice Live service: real detection, recognition and speech on this machine alone."""

from pathlib import Path

SAMPLE_WAV = Path(__file__).with_name("sample.wav")
"""A spoken conversation to use where there is no microphone; `sample.py` makes it."""
