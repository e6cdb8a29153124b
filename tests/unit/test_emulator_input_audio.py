"""Appended sound and its windows, and repeats of the recogniser's decoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.emulator.audio.input_audio import InputAudio
from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.speech.recogniser import repeated_period, split_long, without_repeats
from pipeline.emulator.wire.events import ClientError


@given(st.lists(st.integers(0, 3_000), max_size=20))
def test_every_sample_is_in_one_window(chunks: list[int]) -> None:
    """At 16 kHz nothing is resampled, so windows can be compared with the appended sound."""
    audio = InputAudio(InputFormat(rate_hz=16_000))
    whole = np.random.default_rng(0).integers(-9, 9, sum(chunks)).astype(np.int16)
    heard, at = [], 0
    for chunk in chunks:
        audio.append(whole[at : at + chunk].tobytes())
        at += chunk
        heard += list(audio.windows())
        audio.forget_before(audio.end_ms - 100)
    assert [window.size for window in heard] == [512] * (whole.size // 512)
    joined = np.concatenate([*heard, np.zeros(0, np.int16)])
    assert np.array_equal(joined, whole[: joined.size])


def test_sound_is_found_again_by_its_time() -> None:
    audio = InputAudio(InputFormat(rate_hz=16_000))
    audio.append(np.arange(1_600, dtype=np.int16).tobytes())
    list(audio.windows())
    assert np.array_equal(audio.between(10, 20), np.arange(160, 320))
    audio.forget_before(15)
    assert np.array_equal(audio.between(10, 20), np.arange(240, 320))


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100])
def test_any_rate_keeps_its_time(rate_hz: int) -> None:
    audio = InputAudio(InputFormat(rate_hz=rate_hz))
    for _ in range(40):
        audio.append(bytes(2 * (rate_hz // 20)))
    assert audio.end_ms == pytest.approx(2_000, abs=10)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ClientError):
        InputAudio(InputFormat()).append(b"odd")


@pytest.mark.parametrize(
    ("tokens", "period"),
    [
        ([1, 2, 3], None),
        ([5] * 7, None),
        ([5] * 8, 1),
        ([1, 2] * 4, 2),
        ([9, 1, 2, 3] + [1, 2, 3] * 3, 3),
        ([1, 2, 1, 2, 1, 2, 3], None),
    ],
)
def test_a_decoder_in_a_loop_is_noticed(tokens: list[int], period: int | None) -> None:
    assert repeated_period(tokens) == period


def test_a_repeated_phrase_is_kept_once() -> None:
    assert without_repeats([9, 1, 2, 1, 2, 1, 2, 1, 2], 2) == [9, 1, 2]


@given(st.integers(0, 100))
def test_long_speech_is_cut_without_loss(seconds: int) -> None:
    samples = np.random.default_rng(0).integers(-99, 99, seconds * 16_000).astype(np.int16)
    pieces = split_long(samples)
    assert np.array_equal(np.concatenate(pieces), samples)
    assert all(piece.size <= 30 * 16_000 for piece in pieces)
