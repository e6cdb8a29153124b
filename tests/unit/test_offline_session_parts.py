"""The parts of a session that need no model: settings, items, sound in, repeats of a decoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.offline.configuration import Configuration
from pipeline.offline.conversation import Conversation, Item, Speech, answer
from pipeline.offline.input_audio import InputAudio
from pipeline.offline.recogniser import repeated_period, split_long, without_repeats
from pipeline.offline.turns import Endpointing
from pipeline.offline.wire import ClientError

SERVER_VAD = Endpointing()


def test_a_session_starts_with_the_defaults_of_the_service() -> None:
    configuration = Configuration("gpt-realtime")
    assert configuration.endpointing == SERVER_VAD
    assert configuration.creates_response
    assert configuration.interrupts_response
    assert not configuration.transcribes
    assert configuration.input_rate_hz == 24_000


@pytest.mark.parametrize(
    ("given_rules", "expected"),
    [
        (None, None),
        ({"type": "none"}, None),
        ({"type": "server_vad"}, SERVER_VAD),
        ({"type": "server_vad", "threshold": None}, SERVER_VAD),
        ({"type": "server_vad", "threshold": 0.3}, Endpointing(threshold=0.3)),
        (
            {"type": "azure_semantic_vad_multilingual", "languages": ["en"]},
            Endpointing(prefix_padding_ms=420, speech_duration_ms=80),
        ),
    ],
)
def test_turn_detection(
    given_rules: dict[str, object] | None, expected: Endpointing | None
) -> None:
    configuration = Configuration("m")
    configuration.update({"turn_detection": given_rules})
    assert configuration.endpointing == expected


def test_what_a_client_cannot_set_stays() -> None:
    configuration = Configuration("m")
    before = configuration.wire["id"]
    configuration.update({"id": "mine", "instructions": "A"})
    assert configuration.wire["id"] == before


@pytest.mark.parametrize(
    ("samples", "transcript"),
    [
        (0, ""),
        (50, ""),
        (100, "one "),
        (150, "one two"),
        (200, "one two three "),
        (300, "one two three four"),
    ],
)
def test_words_are_cut_with_the_sound(samples: int, transcript: str) -> None:
    speech = Speech([("one ", 100), ("two three ", 100), ("four", 100)])
    speech.truncate(samples)
    assert speech.transcript.rstrip() == transcript.rstrip()
    assert speech.samples == samples


@given(st.lists(st.tuples(st.text(max_size=10), st.integers(0, 100)), max_size=8), st.data())
def test_a_cut_leaves_a_beginning(pieces: list[tuple[str, int]], data: st.DataObject) -> None:
    speech = Speech(list(pieces))
    whole, length = speech.transcript, speech.samples
    at = data.draw(st.integers(0, length))
    speech.truncate(at)
    assert whole.startswith(speech.transcript)
    assert speech.samples == at


def test_a_conversation_forgets_its_oldest_items() -> None:
    conversation = Conversation()
    for number in range(Conversation.MOST_ITEMS + 5):
        conversation.add(answer(f"item_{number}"))
    assert len(conversation.items) == Conversation.MOST_ITEMS
    assert conversation.items[0].id == "item_5"


def test_only_answers_can_be_truncated() -> None:
    conversation = Conversation()
    conversation.add(Item({"id": "a", "role": "user"}))
    with pytest.raises(ClientError, match="Only the sound of an answer"):
        conversation.truncate("a", 0, 0)


@given(st.lists(st.integers(0, 3_000), max_size=20))
def test_every_sample_is_in_one_window(chunks: list[int]) -> None:
    """At 16 kHz nothing is resampled, so that windows can be compared with what was appended."""
    audio = InputAudio(16_000)
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
    audio = InputAudio(16_000)
    audio.append(np.arange(1_600, dtype=np.int16).tobytes())
    list(audio.windows())
    assert np.array_equal(audio.between(10, 20), np.arange(160, 320))
    audio.forget_before(15)
    assert np.array_equal(audio.between(10, 20), np.arange(240, 320))


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100])
def test_any_rate_keeps_its_time(rate_hz: int) -> None:
    audio = InputAudio(rate_hz)
    for _ in range(40):
        audio.append(bytes(2 * (rate_hz // 20)))
    assert audio.end_ms == pytest.approx(2_000, abs=10)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ClientError):
        InputAudio(24_000).append(b"odd")


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
