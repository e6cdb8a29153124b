"""WAV files whose recorder never came to write how long they are."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.wav_reading import open_wav
from pipeline.errors import WavError
from tests.support.sound import noise

SOUND = noise(0.3, -20_000, 20_000, seed=1)
MOST = 0xFFFF_FFFF
FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 24_000, 48_000, 2, 16)
JUNK = struct.pack("<4sI28x", b"JUNK", 28)
LIST = struct.pack("<4sI4s", b"LIST", 4, b"INFO")


def wav(riff: int, data: int, before: bytes = FORMAT, after: bytes = SOUND.tobytes()) -> bytes:
    chunks = before + struct.pack("<4sI", b"data", data) + after
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + chunks


def rf64(data: int) -> bytes:
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, 0, data, 0, 0)
    return b"RF64" + wav(MOST, MOST, ds64 + FORMAT)[4:]


@pytest.mark.parametrize("before", [FORMAT, JUNK + FORMAT, FORMAT + LIST])
@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0, 0),
        (8, 0),
        (36, 0),
        (36 + SOUND.nbytes, 0),
        (MOST, 0),
        (0, MOST),
        (MOST, MOST),
        (MOST, 0x7FFF_F000),
        (0x8000_0024, 0x8000_0000),
        (0, SOUND.nbytes),
        (36 + SOUND.nbytes, SOUND.nbytes),
    ],
)
def test_it_is_played_to_its_end(tmp_path: Path, riff: int, data: int, before: bytes) -> None:
    check_whole(tmp_path / "in.wav", wav(riff, data, before))


@pytest.mark.parametrize("data", [0, MOST, SOUND.nbytes])
def test_one_with_64_bit_sizes_is_played_to_its_end(tmp_path: Path, data: int) -> None:
    check_whole(tmp_path / "in.wav", rf64(data))


def test_silence_at_the_beginning_is_sound(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros(100, np.int16), SOUND])
    check_whole(tmp_path / "in.wav", wav(0, 0, after=samples.tobytes()), samples)


@pytest.mark.parametrize("subtype", ["ULAW", "FLOAT", "IMA_ADPCM", "PCM_24"])
def test_in_any_encoding(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, SOUND, 24_000, subtype, format="WAV")
    expected, _ = soundfile.read(path)
    content = path.read_bytes()
    at = content.index(b"data") + 4
    end = at + 4 + int.from_bytes(content[at : at + 4], "little")
    path.write_bytes(content[:at] + bytes(4) + content[at + 4 : end])
    with open_wav(path) as file:
        played = file.read(file.frames)
    assert np.array_equal(played[: len(expected)], expected)


@pytest.mark.parametrize("after", [b"", LIST, LIST + JUNK])
def test_one_without_sound_is_refused(tmp_path: Path, after: bytes) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav(36 + len(after), 0, after=after))
    with pytest.raises(WavError, match="holds no sound"):
        open_wav(path)


def test_it_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav(0, 0))
    open_wav(path).close()
    assert path.read_bytes() == wav(0, 0)


def check_whole(path: Path, content: bytes, expected: np.ndarray = SOUND) -> None:
    path.write_bytes(content)
    with open_wav(path) as file:
        assert file.frames == len(expected)
        assert np.array_equal(file.read(file.frames, dtype="int16"), expected)
