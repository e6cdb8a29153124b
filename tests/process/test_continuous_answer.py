"""The benchmark of one long answer, at a small length: what it finds, not how fast it was."""

from benchmarks.continuous_answer import listen

SECONDS = 10


def test_every_sample_sounds_beside_busy_processes_and_a_function_that_holds_its_interpreter() -> (
    None
):
    outcome = listen(SECONDS)
    assert outcome.exact, outcome
    assert outcome.function_calls >= SECONDS // 2
