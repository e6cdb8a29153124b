"""The two processes at the sound card."""
