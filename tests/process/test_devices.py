"""`devices --test` over its real process, with files in the cards' places."""

from pathlib import Path

import numpy as np

from pipeline.audio.selection import SAMPLE_WAV
from tests.support.program import Program
from tests.support.sound import read_wav


def test_two_seconds_are_recorded_and_played_back(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    arguments = ("devices", "--test", "--input", SAMPLE_WAV, "--output", heard)
    with Program(*arguments, cwd=tmp_path) as program:
        assert program.wait_exit() == 0, program.said
        assert program.out.splitlines()[-1].startswith("fine (peak"), program.said
        assert not program.err
    played = np.trim_zeros(read_wav(heard))
    spoken = np.trim_zeros(read_wav(SAMPLE_WAV)[:48_000])
    assert len(spoken) > 10_000
    assert np.array_equal(played, spoken)

    with Program(*arguments, cwd=tmp_path) as program:
        assert program.wait_exit() == 2, program.said
        assert "exists, expected the name of a new file" in program.err


def test_a_test_needs_cards(tmp_path: Path) -> None:
    with Program("devices", "--test", cwd=tmp_path) as program:
        assert program.wait_exit() == 2, program.said
        assert program.err.startswith("error: No sound card found")
