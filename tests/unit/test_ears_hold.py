from pipeline.audio.hold import LONGEST_HOLD_MS
from pipeline.ears.hold import Action, HoldRecovery, Reason

PATIENCE_MS = 600.0


def run(
    recovery: HoldRecovery,
    likelihoods: list[float],
    *,
    words_from: int | None = None,
    sounding: bool = True,
    patience_ms: float = PATIENCE_MS,
    likely_blocks: int = 1,
) -> list[Action]:
    """Give one block for each likelihood; the first ones are likely speech.

    :param words_from: the block with which it is certain
    """
    actions = [
        recovery.hear(
            likely=likelihood >= 0.5 and number < likely_blocks,
            certain=words_from is not None and number >= words_from,
            voice=likelihood,
            sounding=sounding,
            patience_ms=patience_ms,
        )
        for number, likelihood in enumerate(likelihoods)
    ]
    return [action for action in actions if action is not None]


def test_nothing_is_held_while_no_answer_sounds() -> None:
    assert run(HoldRecovery(), [1.0] * 50, sounding=False) == []


def test_cough_is_recovered_when_voice_is_lost() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 15 + [0.0] * 20) == [Action.HOLD, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.NO_WORDS
    assert recovery.latest.lasted_ms == 340


def test_assent_of_two_syllables_is_recovered_and_does_not_interrupt() -> None:
    recovery = HoldRecovery()
    syllables = [1.0] * 16 + [0.0] * 6 + [1.0] * 14
    actions = run(recovery, syllables + [0.0] * 20, patience_ms=1_000)
    assert actions == [Action.HOLD, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.NO_WORDS


def test_gap_within_a_word_is_no_loss() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 10 + [0.0] * 19 + [1.0] * 20) == [Action.HOLD]
    assert recovery.holding


def test_words_are_told_once() -> None:
    recovery = HoldRecovery()
    speech = [1.0] * 30 + [0.0] * 10 + [1.0] * 18
    actions = run(recovery, speech, words_from=20, patience_ms=1_000)
    assert actions == [Action.HOLD, Action.INTERRUPT]


def test_words_that_end_wait_for_the_service() -> None:
    recovery = HoldRecovery()
    actions = run(recovery, [1.0] * 25 + [0.0] * 100, words_from=20, patience_ms=1_000)
    assert actions == [Action.HOLD, Action.INTERRUPT, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.NOT_CONFIRMED
    assert recovery.latest.lasted_ms == 1_000


def test_words_of_one_hold_are_news_in_the_next() -> None:
    recovery = HoldRecovery()
    run(recovery, [1.0] * 70, words_from=20)
    run(recovery, [0.0] * 120)
    assert run(recovery, [1.0] * 30, words_from=20) == [Action.HOLD, Action.INTERRUPT]


def test_what_was_said_before_a_hold_makes_nothing_certain() -> None:
    assert run(HoldRecovery(), [1.0] * 5 + [0.0] * 25, words_from=0) == [
        Action.HOLD,
        Action.RESUME,
    ]


def test_service_that_is_sent_words_only_is_waited_for_from_then_on() -> None:
    recovery = HoldRecovery(words_only=True)
    actions = run(recovery, [1.0] * 200, words_from=80)
    assert actions == [Action.HOLD, Action.INTERRUPT, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.lasted_ms == 800 + 590


def test_no_hold_lasts_for_longer_than_playback_allows() -> None:
    recovery = HoldRecovery(words_only=True)
    assert run(recovery, [1.0] * 400) == [Action.HOLD, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.lasted_ms < LONGEST_HOLD_MS


def test_service_that_stays_silent_lets_the_answer_go_on() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 100) == [Action.HOLD, Action.RESUME]
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.NOT_CONFIRMED
    assert recovery.latest.lasted_ms == 600


def test_verdict_of_the_service_ends_the_hold_without_resuming() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 30) == [Action.HOLD]
    recovery.release()
    assert not recovery.holding
    assert run(recovery, [0.0] * 100) == []
    assert recovery.latest is not None
    assert recovery.latest.reason is Reason.CONFIRMED


def test_voice_that_the_service_did_not_confirm_holds_once_while_it_goes_on() -> None:
    recovery = HoldRecovery()
    voice = ([1.0] * 60 + [0.0] * 49) * 20
    assert run(recovery, voice, likely_blocks=len(voice)) == [Action.HOLD, Action.RESUME]


def test_each_hold_that_was_not_confirmed_lets_the_answer_sound_for_longer() -> None:
    recovery = HoldRecovery()
    for times in (2, 4, 8, 8):
        assert run(recovery, [1.0] * 61) == [Action.HOLD, Action.RESUME]
        silent = [0.0] * (times * 60 - 2)
        assert run(recovery, silent) == run(recovery, [1.0]) == []
        run(recovery, [0.0] * 50)


def test_silence_of_the_answer_earns_no_hold() -> None:
    recovery = HoldRecovery()
    run(recovery, [1.0] * 61)
    run(recovery, [0.0] * 1_000, sounding=False)
    assert run(recovery, [1.0]) == []


def test_words_after_a_cough_hold_at_once() -> None:
    recovery = HoldRecovery()
    assert run(recovery, [1.0] * 15 + [0.0] * 20) == [Action.HOLD, Action.RESUME]
    assert run(recovery, [1.0] * 30, words_from=20) == [Action.HOLD, Action.INTERRUPT]


def test_series_of_noises_lets_an_answer_sound_for_most_of_the_time() -> None:
    recovery = HoldRecovery()
    noises = ([1.0] * 15 + [0.0] * 25) * 150
    held_blocks = 0
    for likelihood in noises:
        run(recovery, [likelihood])
        held_blocks += recovery.holding
    assert 150 < held_blocks < len(noises) / 4


def test_cut_or_ended_answer_is_the_end_of_what_was_held_in_vain() -> None:
    recovery = HoldRecovery()
    run(recovery, [1.0] * 61)
    assert run(recovery, [1.0]) == []
    recovery.release()
    assert run(recovery, [1.0]) == [Action.HOLD]


def test_words_interrupt_whatever_was_held_before() -> None:
    recovery = HoldRecovery(interrupts=True)
    assert run(recovery, [1.0] * 61) == [Action.HOLD, Action.RESUME]
    speech = [1.0] * 50
    actions = run(recovery, speech, words_from=20, likely_blocks=50)
    assert actions == [Action.HOLD, Action.INTERRUPT]


def test_words_that_interrupted_nothing_hold_once() -> None:
    recovery = HoldRecovery(interrupts=True)
    actions = run(recovery, [1.0] * 500, words_from=20, likely_blocks=500)
    assert actions == [Action.HOLD, Action.INTERRUPT, Action.RESUME]
    run(recovery, [0.0] * 50)
    actions = run(recovery, [1.0] * 50, words_from=0, likely_blocks=50)
    assert actions == [Action.HOLD, Action.INTERRUPT]
