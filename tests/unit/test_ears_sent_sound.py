"""What goes up at once, what is kept back, and what becomes of it."""

import numpy as np

from pipeline.ears.cleaned_frames import Outgoing
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.sent_sound import SentSound
from pipeline.pcm import BLOCK_SAMPLES, Samples


def block(value: int) -> Outgoing:
    return Outgoing(np.full(BLOCK_SAMPLES, value, np.int16), np.zeros(BLOCK_SAMPLES, np.int16))


def take(sent: SentSound, near: NearSpeech, *values: int, echo: bool = True) -> list[Samples]:
    return [
        outgoing.samples
        for value in values
        for outgoing in sent.take(block(value), near, echo=echo)
    ]


def lasts(samples: list[Samples]) -> list[int]:
    """Return the last sample of each block: behind a change of the level."""
    return [int(block[-1]) for block in samples]


def test_echo_goes_up_at_once_and_quieter() -> None:
    sent = SentSound()
    first, second = take(sent, NearSpeech.NONE, 1_000, 2_000)
    assert (np.diff(first) <= 0).all()
    assert first[0] == 1_000
    assert set(second.tolist()) == {100}


def test_words_go_up_whole_once_they_are_known() -> None:
    sent = SentSound()
    take(sent, NearSpeech.NONE, 1_000)
    assert take(sent, NearSpeech.UNDECIDED, 1_000, 2_000, 3_000) == []
    assert lasts(take(sent, NearSpeech.SPEECH, 4_000)) == [1_000, 2_000, 3_000, 4_000]
    assert take(sent, NearSpeech.SPEECH, 5_000)[0].tolist() == [5_000] * BLOCK_SAMPLES


def test_what_was_no_word_goes_up_as_silence() -> None:
    sent = SentSound()
    take(sent, NearSpeech.NONE, 1_000)
    take(sent, NearSpeech.UNDECIDED, 20_000, 30_000)
    assert lasts(take(sent, NearSpeech.NONE, 1_000, 1_000)) == [0, 0, 50, 50]


def test_nothing_is_kept_for_longer_than_600_ms_and_a_late_word_is_whole() -> None:
    sent = SentSound()
    take(sent, NearSpeech.NONE, 0)
    assert take(sent, NearSpeech.UNDECIDED, *range(1, 61)) == []
    assert lasts(take(sent, NearSpeech.UNDECIDED, 61, 62)) == [0, 0]
    assert lasts(take(sent, NearSpeech.SPEECH, 63)) == list(range(3, 64))


def test_microphone_without_echo_passes_as_it_is() -> None:
    sent = SentSound()
    samples = take(sent, NearSpeech.NONE, 7, echo=False)
    samples += take(sent, NearSpeech.UNDECIDED, 8, echo=False)
    assert [block.tolist() for block in samples] == [[7] * BLOCK_SAMPLES, [8] * BLOCK_SAMPLES]


def test_what_is_kept_when_the_answer_ends_goes_up_as_it_is() -> None:
    sent = SentSound()
    take(sent, NearSpeech.UNDECIDED, 1, 2)
    assert lasts(take(sent, NearSpeech.NONE, 3, echo=False)) == [1, 2, 3]


def test_what_is_kept_when_the_microphone_ends_goes_up_as_it_is() -> None:
    sent = SentSound()
    take(sent, NearSpeech.UNDECIDED, 1, 2)
    assert lasts([outgoing.samples for outgoing in sent.release()]) == [1, 2]
    assert sent.release() == []
