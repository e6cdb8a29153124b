"""A function as a user may write one: it holds its interpreter for 300 ms."""

import time

HELD_S = 0.3
_TRIAL_TERMS = 1_000_000


def hold() -> str:
    """Compute something for a third of a second."""
    sum(range(_terms(HELD_S)))
    return "done"


def _terms(seconds: float) -> int:
    """Length of a sum that takes so long: one call into C, which no other thread interrupts."""
    begun_s = time.perf_counter()
    sum(range(_TRIAL_TERMS))
    return int(seconds / (time.perf_counter() - begun_s) * _TRIAL_TERMS)
