"""Faults of every kind against the real program, with every sample accounted for."""
