"""Capture and playback: the two processes at the sound device."""
