"""The files of a recording: each is readable at any moment, and goes on after a kill."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.recording_file import HEADER_BYTES, header
from pipeline.ipc.commands import RecordedTurn, RecordTurns
from pipeline.pcm import SAMPLE_RATE_HZ, Samples
from pipeline.recorder.event_log import EventLog
from pipeline.recorder.transcript import Transcript
from pipeline.recorder.wave_file import LEFT, RIGHT, WaveFile
from tests.support.sound import noise

S = SAMPLE_RATE_HZ


def read(path: Path) -> Samples:
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate_hz == S
    return np.asarray(samples)


def test_sides_that_arrive_in_any_order_lie_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    microphone, sounded = noise(40, 1, 9_000, seed=1), noise(40, 1, 9_000, seed=2)
    random = np.random.default_rng(3)
    wave = WaveFile(path)
    left = right = 0
    while left < len(microphone) or right < len(sounded):
        ahead = right - left
        if random.random() < 0.5 - ahead / (4 * S):
            count = int(random.integers(1, 1_200))
            assert not wave.put(RIGHT, right, sounded[right : right + count])
            right = min(len(sounded), right + count)
        else:
            count = int(random.integers(1, 1_200))
            assert not wave.put(LEFT, left, microphone[left : left + count])
            left = min(len(microphone), left + count)
        if random.random() < 0.1:
            wave.flush()
    wave.flush()
    wave.close()
    assert np.array_equal(read(path), np.stack([microphone, sounded], axis=1))


def test_a_file_is_continued_and_its_latest_seconds_can_still_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound = noise(20, 1, 9_000, seed=1)
    first = WaveFile(path)
    for at in range(0, len(sound), S):
        first.put(LEFT, at, sound[at : at + S])
    first.flush()
    first.close()
    again = WaveFile(path)
    assert again.end == len(sound)
    assert again.put(RIGHT, 19 * S, sound[19 * S :]) == 0
    again.flush()
    again.close()
    both = read(path)
    assert np.array_equal(both[:, LEFT], sound)
    assert np.array_equal(both[19 * S :, RIGHT], sound[19 * S :])
    assert not both[: 19 * S, RIGHT].any()


def test_a_long_pause_is_silence_of_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound = noise(1, 1, 9_000, seed=1)
    wave = WaveFile(path)
    wave.put(LEFT, 0, sound)
    wave.put(LEFT, 3_600 * S, sound)
    assert wave.put(RIGHT, 0, sound) == len(sound), "it came an hour too late"
    wave.put(LEFT, 3_700 * S, sound[:0])
    wave.flush()
    wave.close()
    with soundfile.SoundFile(path) as file:
        assert file.frames == 3_700 * S
        file.seek(3_599 * S)
        late = file.read(2 * S, dtype="int16")
    assert not late[:S].any()
    assert np.array_equal(late[S:, LEFT], sound)
    assert not late[S:, RIGHT].any()


def test_a_header_beyond_4_gib_counts_samples_a_channel() -> None:
    data_bytes = 1 << 33
    text = header(data_bytes, channels=2)
    assert len(text) == HEADER_BYTES
    assert text[:4] == b"RF64"
    assert int.from_bytes(text[28:36], "little") == data_bytes
    assert int.from_bytes(text[36:44], "little") == data_bytes // 4


def test_a_log_goes_on_behind_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    assert log.is_new
    log.add({"event": "a"})
    log.flush()
    log.close()
    with path.open("a") as file:
        file.write('{"event": "ha')
    again = EventLog(path)
    assert not again.is_new
    again.add({"event": "b"})
    again.flush()
    again.close()
    first, half, last = path.read_text().splitlines()
    assert (json.loads(first), half, json.loads(last)) == (
        {"event": "a"},
        '{"event": "ha',
        {"event": "b"},
    )


def turn(role: str, words: str, item_id: str = "") -> RecordedTurn:
    return RecordedTurn(role, item_id, words)


def written(transcript: Transcript, folder: Path) -> tuple[str, str]:
    markdown, subtitles = folder / "transcript.md", folder / "transcript.vtt"
    transcript.write(markdown, subtitles)
    assert sorted(path.name for path in folder.iterdir()) == ["transcript.md", "transcript.vtt"]
    return markdown.read_text(), subtitles.read_text()


def test_a_transcript_holds_what_was_heard_and_when(tmp_path: Path) -> None:
    transcript = Transcript("today")
    transcript.speech_begins(S)
    transcript.speech_ends(2 * S)
    question = turn("user", "Is 1 < 2?", "item_1")
    transcript.take(
        RecordTurns((question, turn("assistant", "Yes, of course it is.")), ((1, 1),)), 0
    )
    transcript.sounds(1, 3 * S, 4 * S)
    transcript.interrupted()
    transcript.take(RecordTurns((question, turn("assistant", "Yes, of")), ()), 5 * S)
    markdown, subtitles = written(transcript, tmp_path)
    assert markdown == (
        "# Conversation of today\n"
        "\n**You** (00:00:01): Is 1 < 2?\n"
        "\n**Assistant** (00:00:03): Yes, of —\n"
    )
    assert subtitles == (
        "WEBVTT\n"
        "\n00:00:01.000 --> 00:00:02.000\n<v You>Is 1 &lt; 2?\n"
        "\n00:00:03.000 --> 00:00:04.000\n<v Assistant>Yes, of —\n"
    )


@pytest.mark.parametrize("most", [2, 3, 7])
def test_turns_that_the_memory_has_dropped_stay_in_the_transcript(
    tmp_path: Path, most: int
) -> None:
    transcript = Transcript("today")
    turns: list[RecordedTurn] = []
    for number in range(20):
        turns.append(turn("user", f"question {number}", f"item_{number}"))
        transcript.take(RecordTurns(tuple(turns[-most:]), ()), number)
        turns.append(turn("assistant", f"answer {number}"))
        transcript.take(RecordTurns(tuple(turns[-most:]), ()), number)
    markdown, _ = written(transcript, tmp_path)
    said = [line.rpartition(": ")[2] for line in markdown.splitlines() if line.startswith("**")]
    assert said == [turn.words for turn in turns]


def test_words_from_outside_steer_nothing(tmp_path: Path) -> None:
    transcript = Transcript("today")
    transcript.take(RecordTurns((turn("user", "a\x1b[31m\n\n00:00 --> b\ud800", "item"),), ()), 0)
    markdown, subtitles = written(transcript, tmp_path)
    assert markdown.endswith("): a 00:00 --> b\ufffd\n")
    assert "<v You>a 00:00 --&gt; b\ufffd\n" in subtitles
