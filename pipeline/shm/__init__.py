"""Shared memory: all code whose memory order matters is in this folder."""
