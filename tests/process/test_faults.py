"""The short form of `python -m benchmarks.faults`: every sample of disturbed conversations."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.faults.kinds import KINDS, Kind
from benchmarks.faults.trial import hold
from pipeline.pcm import ms_to_samples

IN_THE_MIDDLE_OF_A_QUESTION = ms_to_samples(5_900)
QUESTIONS = 4
"""One is asked and answered after the one in which the fault happens."""

CHOSEN = ("link: reset", "network and playback: kill -9", "capture: kill -9")


def test_every_sample_of_disturbed_conversations_is_accounted_for() -> None:
    kinds: list[Kind] = [kind for kind in KINDS if kind.name in CHOSEN]
    assert len(kinds) == len(CHOSEN)
    with ThreadPoolExecutor(len(kinds)) as pool:
        disturbed = partial(
            hold, at_sample=IN_THE_MIDDLE_OF_A_QUESTION, seed=1, questions=QUESTIONS
        )
        outcomes = list(pool.map(disturbed, kinds))
    for outcome in outcomes:
        assert outcome.faultless, f"{outcome.kind}: {outcome.account}\n{outcome.said}"
