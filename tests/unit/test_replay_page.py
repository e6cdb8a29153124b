"""The page of a replay: its parts, and that no text from outside is more than text."""

import base64
import hashlib
import html.parser
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.cli import execute
from pipeline.errors import RecordingError
from pipeline.replay.page import MARK, as_safe_json, assemble, write_page
from pipeline.replay.peaks import LEAST_BUCKET, MOST_BUCKETS, bucket_samples, peaks_in, peaks_of
from pipeline.replay.sound import MOST_EMBEDDED_S, playable
from tests.support.recordings import event, interrupted_once, write_recording
from tests.support.sound import RATE_HZ, noise

HOSTILE = (
    "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028\u2029&amp;\x1b[31m"
)


class Elements(html.parser.HTMLParser):
    """Collects the elements of a page, and what is in its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.names.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def elements(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    return found


def test_text_from_outside_is_no_markup() -> None:
    harmless, hostile = elements(assemble({"a": "a"})), elements(assemble({HOSTILE: [HOSTILE]}))
    assert hostile.names == harmless.names
    data, script = hostile.scripts
    assert json.loads(data) == {HOSTILE: [HOSTILE]}
    assert script == harmless.scripts[1]
    assert not re.search(
        "[<>&\u0080-\uffff\x00-\x1f]", as_safe_json({HOSTILE: [HOSTILE, "\ud800"]})
    )


def test_the_policy_allows_only_the_script_of_the_page() -> None:
    page = assemble({})
    script = elements(page).scripts[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in page
    assert not re.search(r"https?://|@import|url\(", page), "nothing external"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


@pytest.mark.parametrize("samples", [0, 1, 15, 16, 17, 1_000])
def test_peaks_are_the_least_and_the_greatest_of_each_bucket(samples: int) -> None:
    block = np.random.default_rng(1).integers(-32_768, 32_768, (samples, 2), np.int16)
    found = peaks_in(block, 16)
    assert found.shape == (2, -(-samples // 16), 2)
    for side in range(2):
        for number in range(found.shape[1]):
            bucket = block[16 * number : 16 * number + 16, side].astype(int)
            least, greatest = found[side, number].tolist()
            assert least * 256 <= bucket.min() < (least + 1) * 256
            expected = min(127, -(-bucket.max() // 256))
            assert greatest == expected


def test_peaks_of_a_file_are_those_of_all_its_samples(tmp_path: Path) -> None:
    folder = write_recording(tmp_path / "talk", [], seconds=30)
    both, _ = soundfile.read(folder / "conversation.wav", dtype="int16")
    with soundfile.SoundFile(folder / "conversation.wav") as sound:
        peaks = peaks_of(sound)
    assert peaks.bucket_samples == LEAST_BUCKET
    assert np.array_equal(peaks.values, peaks_in(both, LEAST_BUCKET))


def test_buckets_grow_with_the_recording() -> None:
    assert bucket_samples(0) == LEAST_BUCKET
    assert bucket_samples(LEAST_BUCKET * MOST_BUCKETS) == LEAST_BUCKET
    assert bucket_samples(LEAST_BUCKET * MOST_BUCKETS + 1) == 2 * LEAST_BUCKET


def test_a_short_sound_is_within_the_page_and_a_long_one_beside_it(tmp_path: Path) -> None:
    wave = write_recording(tmp_path / "a talk", []) / "conversation.wav"
    with soundfile.SoundFile(wave) as sound:
        short = playable(sound, wave, tmp_path / "page.html")
    assert short.is_embedded
    (tmp_path / "a.flac").write_bytes(base64.b64decode(short.source.partition(",")[2]))
    again, _ = soundfile.read(tmp_path / "a.flac", dtype="int16")
    both, _ = soundfile.read(wave, dtype="int16")
    assert np.array_equal(again, both)
    long = write_recording(tmp_path / "long", [], seconds=1) / "conversation.wav"
    with long.open("r+b") as file:  # silence to the end
        size = 44 + 4 * RATE_HZ * (MOST_EMBEDDED_S + 1)
        file.truncate(size)
        file.seek(4)
        file.write((size - 8).to_bytes(4, "little"))
        file.seek(40)
        file.write((size - 44).to_bytes(4, "little"))
    with soundfile.SoundFile(long) as sound:
        beside = playable(sound, tmp_path / "a talk#" / "conversation.wav", tmp_path / "page.html")
    assert not beside.is_embedded
    assert beside.source == "a%20talk%23/conversation.wav"
    assert playable(None, wave, tmp_path).source == ""


def test_a_page_replaces_pages_only(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    write_page(page, f"{MARK}one")
    write_page(page, f"{MARK}two")
    assert page.read_text() == f"{MARK}two"
    assert page.stat().st_mode & 0o777 == 0o600
    page.write_text("mine")
    with pytest.raises(RecordingError, match="is no page of `replay` and is not overwritten"):
        write_page(page, MARK)
    assert page.read_text() == "mine"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecordingError, match="is a named pipe: give --html the name of a file"):
        write_page(tmp_path / "pipe", MARK)
    with pytest.raises(RecordingError, match=r"cannot be written .*: give --html a file"):
        write_page(tmp_path / "none" / "a.html", MARK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "pipe"]


def replay(*arguments: object) -> int:
    return execute(["replay", *map(str, arguments)])


def test_a_recording_is_printed_without_what_steers_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = interrupted_once(words=HOSTILE, question="[red]bold[/red]")
    entries.append(event(5, "notice", message="\x1b]0;title\x07kept"))
    folder = write_recording(tmp_path / "[b]talk", entries)
    assert replay(folder) == 0
    out, err = capsys.readouterr()
    assert not err
    assert "\x1b" not in out
    assert "You        [red]bold[/red]\n" in re.sub(" +\n", "\n", out)
    assert "0:04.0  cut        silent after 6.0 ms; 1.00 s of the answer were heard" in out
    assert "notice     kept" in out
    assert re.search(r"speech noticed → silence, p50 +6\.0 ms", out)
    assert f"The page was written to {folder}/replay.html.\n" in out
    assert elements((folder / "replay.html").read_text()).names == elements(assemble({})).names


def test_two_recordings_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_recording(tmp_path / "first", interrupted_once())
    second = write_recording(tmp_path / "second", interrupted_once()[:4])
    page = tmp_path / "both.html"
    assert replay(first, "--against", second, "--html", page) == 0
    out, _ = capsys.readouterr()
    assert re.search(r"\ncuts +1 +0\s", re.sub(r"\n ", "\n", out))
    assert "The recording has no end" in out
    assert str(second).encode() in page.read_bytes()
    assert not (first / "replay.html").exists()


def spoil(folder: Path, what: str) -> None:
    events, wave = folder / "events.jsonl", folder / "conversation.wav"
    match what:
        case "killed":
            events.write_text(events.read_text().rstrip()[:-9])
        case "truncated":
            os.truncate(wave, 44 + 4 * RATE_HZ)
        case "no sound":
            wave.unlink()
        case "odd sound":
            wave.write_bytes(b"no sound")
        case "mono":
            soundfile.write(wave, noise(1, -9, 9, 1), RATE_HZ)
        case "no events":
            events.write_bytes(b"")
        case "newer":
            events.write_text(events.read_text().replace('"0.1.0"', '"9.0.0"'))
        case "no header":
            events.write_text(events.read_text().partition("\n")[2])


@pytest.mark.parametrize(
    ("what", "note"),
    [
        (
            "killed",
            "The recording has no end: its run was killed, its disk was full, or it still records.",
        ),
        ("killed", "1 line is no event (half a line is what a kill leaves)."),
        ("truncated", "conversation.wav is truncated: its last 5.0 s are missing."),
        ("no sound", "conversation.wav cannot be shown or played: it does not exist."),
        ("odd sound", "conversation.wav cannot be shown or played: it is no WAV file."),
        ("mono", "conversation.wav cannot be shown or played: it holds 1 channel(s) at 24000 Hz"),
        ("no events", "events.jsonl has no event: only the sound is shown."),
        ("newer", "Version 9.0.0 recorded this, and this is version"),
        ("no header", "events.jsonl has no header: the times are those since its first event."),
    ],
)
def test_what_is_missing_is_noted_and_the_rest_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, note: str
) -> None:
    folder = write_recording(tmp_path / "talk", interrupted_once())
    spoil(folder, what)
    assert replay(folder) == 0
    out, err = capsys.readouterr()
    assert f"note: {note}" in out
    assert not err
    data: dict[str, Any] = json.loads(elements((folder / "replay.html").read_text()).scripts[0])
    assert any(note in each for each in data["notes"])
    assert len(data["turns"]) == (0 if what == "no events" else 2)
    assert bool(data["peaks"]) == (what not in {"no sound", "odd sound", "mono"})


def test_a_folder_that_holds_nothing_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("")
    bare = write_recording(tmp_path / "bare", [])
    (bare / "conversation.wav").unlink()
    for name, sentence in (
        ("none", "none does not exist, expected a recorded conversation: give a folder that"),
        ("file", "file is a file, expected a recorded conversation: give a folder that"),
        ("empty", "empty is empty, expected events.jsonl and conversation.wav: give a folder"),
        ("other", "other holds no recording, expected events.jsonl and conversation.wav: give"),
        ("bare", "bare holds no recording: its events.jsonl has no event and its conversation.wav"),
    ):
        assert replay(tmp_path / name) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert sentence in err
    assert replay(write_recording(tmp_path / "talk", []), "--against", tmp_path / "none") == 2
    shutil.rmtree(tmp_path)
