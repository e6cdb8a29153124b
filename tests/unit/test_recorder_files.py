"""The files of a recording: each is readable at any moment, and goes on after a kill."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.audio.recording_file import HEADER_BYTES, header
from pipeline.pcm import SAMPLE_RATE_HZ, Samples
from pipeline.recorder.event_log import EventLog
from pipeline.recorder.reading import RecordingClock, read_entries
from pipeline.recorder.transcript import Line, Transcript, Word, cues
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


def take(transcript: Transcript, *events: tuple[str, float, str]) -> None:
    """Take events: name, second, text; a text with "|" was cut there, and the rest not heard."""
    for event, second, text in events:
        heard, bar, unheard = text.partition("|")
        entry = {"event": event, "text": heard, "unheard": unheard, "cut": bool(bar)}
        transcript.take(entry, round(second * S))


def written(transcript: Transcript, folder: Path) -> tuple[str, str]:
    markdown, subtitles = folder / "transcript.md", folder / "transcript.vtt"
    transcript.write(markdown, subtitles)
    assert sorted(path.name for path in folder.iterdir()) == ["transcript.md", "transcript.vtt"]
    return markdown.read_text(), subtitles.read_text()


def test_a_transcript_holds_what_was_heard_and_when(tmp_path: Path) -> None:
    transcript = Transcript("today")
    take(
        transcript,
        ("listening", 1, ""),
        ("processing", 2, ""),
        ("assistant_said", 3, "Yes. "),
        ("user_said", 3.1, "Is 1 < 2?"),
        ("assistant_said", 3.5, "Of course "),
        ("assistant_said", 4, "it "),
        ("listening", 4.2, ""),
        ("assistant_done", 4.3, "Yes. Of course it |is."),
    )
    markdown, subtitles = written(transcript, tmp_path)
    assert markdown == (
        "# Conversation of today\n"
        "\n**You** (00:00:01): Is 1 < 2?\n"
        "\n**Assistant** (00:00:03): Yes. Of course it —\n"
    )
    assert subtitles == (
        "WEBVTT\n"
        "\n00:00:01.000 --> 00:00:02.000\n<v You>Is 1 &lt; 2?\n"
        "\n00:00:03.000 --> 00:00:03.500\n<v Assistant>Yes.\n"
        "\n00:00:03.500 --> 00:00:04.300\n<v Assistant>Of course it —\n"
    )


def test_a_cue_ends_with_its_phrase_and_not_after_a_pause() -> None:
    words = ["Where", "the", "valley", "ends", "and", "the", "river", "becomes", "a", "lake,", ""]
    line = Line("assistant", 0, words=[Word(n * S // 4, f"{w} ") for n, w in enumerate(words[:-1])])
    line.words += [Word(20 * S, "there it "), Word(21 * S, "stood.")]
    line.end = 22 * S
    assert [(cue.begin / S, cue.end / S, cue.text) for cue in cues(line)] == [
        (0, 4.25, "Where the valley ends and the river becomes a lake,"),
        (20, 22, "there it stood."),
    ]


def test_words_that_came_ahead_are_spread_over_the_sound(tmp_path: Path) -> None:
    transcript = Transcript("today", reads_ahead=True)
    take(
        transcript,
        ("assistant_said", 2, "One two. Six ten. And more."),
        ("assistant_done", 6, "One two. Six |ten. And more."),
    )
    _, subtitles = written(transcript, tmp_path)
    assert "00:00:02.000 --> 00:00:04.769\n<v Assistant>One two.\n" in subtitles
    assert "00:00:04.769 --> 00:00:06.000\n<v Assistant>Six —\n" in subtitles


@pytest.mark.parametrize(
    ("heard", "expected"), [("One two.", "One two."), ("Two.", "Two."), ("", "")]
)
def test_the_end_of_an_answer_says_what_was_heard(heard: str, expected: str) -> None:
    transcript = Transcript("today")
    take(transcript, ("assistant_said", 1, "One"), ("assistant_done", 2, heard))
    assert [line.text for line in transcript.lines] == [expected] * bool(expected)


def test_turns_without_speech_of_their_own_lie_where_their_words_came() -> None:
    transcript = Transcript("today")
    take(
        transcript,
        ("user_said", 1, "typed"),
        ("listening", 2, ""),
        ("user_said", 3, ""),
        ("assistant_done", 4, "only text"),
    )
    assert [(line.begin / S, line.text) for line in transcript.lines] == [
        (1, "typed"),
        (4, "only text"),
    ]


def test_words_that_came_after_the_cut_lie_where_they_sounded() -> None:
    transcript = Transcript("today")
    transcript.take({"event": "listening"}, 9 * S)
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    take(transcript, ("assistant_said", 9.5, "Once upon a time"))
    transcript.take({"event": "assistant_done", "text": "Once upon a time", "cut": True}, 10 * S)
    transcript.take({"event": "processing"}, 11 * S)
    take(transcript, ("user_said", 11.5, "Stop."))
    assert [(line.role, line.begin) for line in transcript.lines] == [
        ("assistant", 7 * S),
        ("user", 9 * S),
    ]
    take(transcript, ("assistant_said", 13, "Well."))
    assert transcript.lines[-1].begin == 13 * S


def test_a_cut_moves_no_words_of_the_next_answer() -> None:
    transcript = Transcript("today")
    take(transcript, ("assistant_said", 7, "Once"))
    transcript.take({"event": "assistant_done", "text": "Once", "cut": True}, 9 * S)
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    take(transcript, ("assistant_said", 10, "Well."))
    assert transcript.lines[-1].begin == 10 * S


@pytest.mark.parametrize("cut", [False, True])
def test_words_that_never_come_put_no_answer_before_its_question(cut: bool) -> None:
    transcript = Transcript("today")
    transcript.take({"event": "listening"}, 9 * S)
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    take(transcript, ("processing", 9.6, ""), ("user_said", 9.8, "And you?"))
    take(transcript, ("assistant_said", 10, "Fine"))
    transcript.take({"event": "assistant_done", "text": "Fine, thanks.", "cut": cut}, 12 * S)
    assert [(line.role, line.begin) for line in transcript.lines] == [
        ("user", 9 * S),
        ("assistant", 10 * S),
    ]


def test_an_answer_that_is_cut_at_once_stays_behind_its_question() -> None:
    transcript = Transcript("today")
    transcript.take({"event": "listening"}, 9 * S)
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    take(transcript, ("processing", 9.3, ""), ("user_said", 9.5, "And you?"))
    take(transcript, ("assistant_said", 9.75, "Fine"), ("assistant_done", 10, "Fine|, thanks."))
    assert [(line.role, line.begin) for line in transcript.lines] == [
        ("user", 9 * S),
        ("assistant", 9.75 * S),
    ]


def test_the_words_of_an_older_question_leave_late_words_where_they_sounded() -> None:
    transcript = Transcript("today")
    take(transcript, ("listening", 5, ""), ("processing", 6, ""), ("listening", 9, ""))
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    take(transcript, ("user_said", 9.25, "A story!"), ("assistant_done", 9.5, "Once|upon"))
    assert [(line.role, line.begin) for line in transcript.lines] == [
        ("user", 5 * S),
        ("assistant", 7 * S),
    ]


def test_a_cut_that_a_lost_session_took_along_is_not_that_of_another_answer() -> None:
    transcript = Transcript("today")
    take(transcript, ("assistant_done", 4, "Once|upon"), ("session_ready", 6, ""))
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    take(transcript, ("assistant_done", 10, "Well|, then."))
    assert [line.begin for line in transcript.lines] == [4 * S, 7 * S]


def test_the_cut_after_late_words_is_that_of_another_answer() -> None:
    transcript = Transcript("today")
    transcript.take({"event": "interrupted", "heard_ms": 2_000}, 9 * S)
    transcript.take({"event": "assistant_done", "text": "Once", "cut": True}, 10 * S)
    transcript.take({"event": "interrupted", "heard_ms": 1_000}, 13 * S)
    transcript.take({"event": "assistant_done", "text": "Well", "cut": True}, 14 * S)
    assert [line.begin for line in transcript.lines] == [7 * S, 12 * S]


def test_a_question_that_a_lost_session_took_along_moves_no_other() -> None:
    transcript = Transcript("today")
    take(
        transcript,
        ("listening", 1, ""),
        ("processing", 2, ""),
        ("session_ready", 5, ""),
        ("listening", 6, ""),
        ("processing", 7, ""),
        ("user_said", 8, "spoken"),
    )
    assert [(line.begin / S, line.text) for line in transcript.lines] == [(6, "spoken")]


def test_a_typed_turn_takes_no_place_of_a_spoken_one() -> None:
    transcript = Transcript("today")
    take(transcript, ("listening", 1, ""), ("processing", 2, ""))
    transcript.take({"event": "user_said", "text": "typed", "typed": True}, 3 * S)
    take(transcript, ("user_said", 4, "spoken"))
    assert [(line.begin / S, line.text) for line in transcript.lines] == [
        (1, "spoken"),
        (3, "typed"),
    ]


def test_words_from_outside_steer_nothing(tmp_path: Path) -> None:
    transcript = Transcript("today")
    take(transcript, ("user_said", 0, "a\x1b[31m\n\n00:00 --> b\ud800"))
    markdown, subtitles = written(transcript, tmp_path)
    assert markdown.endswith("): a 00:00 --> b\ufffd\n")
    assert "<v You>a 00:00 --&gt; b\ufffd\n" in subtitles


def test_a_log_is_read_again_without_what_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "a"}\n{"event": "ha\n[1]\n\xff\n' + b"[" * 10_000 + b'\n{"b": 1}')
    assert list(read_entries(path)) == [{"event": "a"}, None, None, None, None, {"b": 1}]


def test_a_time_lies_between_the_marks_of_the_clock() -> None:
    marks: list[dict[str, Any]] = [
        {"record": "header", "time_ns": 1_000, "sample": 0},
        {"record": "sound", "time_ns": 1_500, "sample": 7},
        {"record": "clock", "time_ns": 2_000, "sample": 24},
        {"record": "clock", "time_ns": 1_900, "sample": 30},
        {"record": "clock", "time_ns": float("nan"), "sample": 31},
        {"record": "clock", "time_ns": 4_000, "sample": 124},
        {"record": "clock", "time_ns": 5_000},
    ]
    clock = RecordingClock(marks)
    times_ns = [1_000, 1_500, 2_000, 3_000, 4_000, 4_000 + 10**9]
    assert [clock.place(time_ns) for time_ns in times_ns] == [0, 12, 24, 74, 124, 124 + S]
    assert RecordingClock([]).place(10**18) == 0
