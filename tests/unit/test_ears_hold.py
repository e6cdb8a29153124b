from pipeline.ears.hold import Action, HoldRecovery, Reason

ROUND_TRIP_MS = 100.0


def run(recovery: HoldRecovery, likelihoods: list[float], *, sounding: bool = True) -> list[Action]:
    """Give one block for each likelihood; the first one is likely speech."""
    actions = [
        recovery.hear(
            likely=likelihood >= 0.5 and number == 0,
            likelihood=likelihood,
            sounding=sounding,
            round_trip_ms=ROUND_TRIP_MS,
        )
        for number, likelihood in enumerate(likelihoods)
    ]
    return [action for action in actions if action is not None]


def test_nothing_is_held_while_no_answer_sounds() -> None:
    assert run(HoldRecovery(), [1.0] * 50, sounding=False) == []


def test_cough_is_recovered_when_voice_is_lost() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 15 + [0.0] * 15) == [Action.HOLD, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.TOO_SHORT
    assert recovery.latest.lasted_ms == 290


def test_gap_within_a_word_is_no_loss() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 10 + [0.0] * 14 + [1.0] * 12 + [0.0] * 16) == [Action.HOLD]
    assert recovery.holding


def test_service_that_stays_silent_lets_the_answer_go_on() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 100) == [Action.HOLD, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.NOT_CONFIRMED
    assert recovery.latest.lasted_ms == 600


def test_patience_has_a_bound() -> None:
    recovery = HoldRecovery()
    recovery.hear(likely=True, likelihood=1, sounding=True, round_trip_ms=1e9)
    actions = [
        recovery.hear(likely=False, likelihood=1, sounding=True, round_trip_ms=1e9)
        for _ in range(300)
    ]
    assert actions.index(Action.RESUME) == 299


def test_verdict_of_the_service_ends_the_hold_without_resuming() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 30) == [Action.HOLD]
    recovery.release()
    assert not recovery.holding
    assert run(recovery, [0.0] * 100) == []
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.CONFIRMED
