"""The ears: notice a person who speaks while an answer sounds, and subtract the answer's echo.

    microphone ─┬─▶ linear canceller ─┬─▶ cleaned sound, to the service
                │          ▲          └─▶ Silero ───────────┐
    reference ──┼──────────┤                                ├─▶ rule ─▶ verdict
                └─▶ echo suppressor (AEC3) ─┬─▶ earshot ────┤
                                            └─▶ level ──────┘

The linear canceller keeps soft onsets and leaks some echo; the suppressor removes the echo and
mutes soft onsets. The rule needs both. This package computes only: no processes, no clocks.
"""
