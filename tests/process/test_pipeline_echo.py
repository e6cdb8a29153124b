"""What goes up to the service beside the microphone, over real processes and sockets."""

from pathlib import Path

import numpy as np

from tests.support.answers import answer, positive
from tests.support.jack_card import wait_until
from tests.support.measured import show_measured
from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise

SPOKEN = noise(8, -1_000, 1_000, seed=1)
ANSWER = positive(1.0, seed=2)
REFERENCE = ("--echo", "client-reference", "--barge-in", "service")


def test_what_sounds_goes_up_beside_the_microphone(tmp_path: Path) -> None:
    with (
        ScriptedService() as service,
        run_on_files(service, tmp_path, SPOKEN, *REFERENCE) as program,
    ):
        program.wait_output("Ready: speak")
        assert "is sent what sounds (--echo client-reference)" in program.out
        (session,) = service.sessions
        program.wait_until(lambda: len(both(session)) > RATE_HZ)
        say(service, session, "first")  # the times of both cards are compared meanwhile
        reference = say(service, session, "second")
        check_reference(reference)
        microphone = both(session)[:, 0]
        spoken = np.concatenate((SPOKEN, np.zeros(len(microphone), np.int16)))
        assert np.array_equal(microphone, spoken[: len(microphone)])
        program.interrupt()
        assert program.wait_exit() == 0, program.said


def say(service: ScriptedService, session: ScriptedSession, name: str) -> Samples:
    """Answer; returns what the service has heard of it in the second channel."""
    start = len(both(session))
    service.call(answer(session, name, ANSWER))
    service.call(session.end_answer(name, f"item_{name}"))
    wait_until(lambda: len(both(session)) > start + len(ANSWER) * 2)
    return np.trim_zeros(both(session)[start:, 1])


def check_reference(reference: Samples) -> None:
    """Check that nothing but the answer was heard, in its order, and most of it.

    On a busy machine a period may come too late for its block: silence stands for it.
    """
    places = [-1]
    for sample in reference[reference != 0]:
        later = np.flatnonzero(ANSWER[places[-1] + 1 :] == sample)
        assert later.size, f"a sample that does not follow sample {places[-1]} of the answer"
        places.append(places[-1] + 1 + int(later[0]))
    left_out = len(ANSWER) - len(places) + 1
    show_measured(f"{left_out} samples of the answer were left out")
    assert left_out < len(ANSWER) / 2


def both(session: ScriptedSession) -> Samples:
    """Return what the service has heard, shape ``(n, 2)``."""
    return np.frombuffer(bytes(session.heard), np.int16).reshape(-1, 2)
