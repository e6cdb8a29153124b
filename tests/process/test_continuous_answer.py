"""The benchmark of one long answer, with a short answer: what it finds, but not how fast it is."""

from benchmarks.continuous_answer import listen

SECONDS = 7


def test_every_sample_sounds_beside_busy_processes_and_a_gil_holding_tool() -> None:
    outcome = listen(SECONDS)
    assert outcome.exact, outcome
    assert outcome.function_calls >= SECONDS // 2
