"""A tool that holds the GIL of its process for 300 ms in one native call."""

import time

HELD_S = 0.3
_TRIAL_TERMS = 1_000_000


def hold() -> str:
    """Compute something for a third of a second."""
    sum(range(_terms(HELD_S)))
    return "done"


def _terms(seconds: float) -> int:
    """Return the length of a sum that takes `seconds`.

    The sum is one native call: other threads of the process wait until it returns.
    """
    begun_s = time.perf_counter()
    sum(range(_TRIAL_TERMS))
    return int(seconds / (time.perf_counter() - begun_s) * _TRIAL_TERMS)
