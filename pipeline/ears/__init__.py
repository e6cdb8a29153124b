"""The ears: notice a person who speaks while an answer sounds, and subtract the answer's echo.

    microphone ─┬─▶ linear canceller ─┬─▶ cleaned sound, to the service
                │          ▲          └─▶ Silero ───────────┐
    reference ──┼──────────┤                                ├─▶ rule ─▶ verdict
                └─▶ echo suppressor (AEC3) ─┬─▶ earshot ────┤
                                            └─▶ level ──────┘

The linear canceller keeps soft onsets and leaks some echo; the suppressor removes the echo and
mutes soft onsets. The rule needs both. `ears.py` and what it uses compute only: no processes, no
clocks. `process.py` gives them the microphone's blocks and, through `aligner.py`, what sounds at
the same time; `hold_control.py` tells playback what follows.
"""
