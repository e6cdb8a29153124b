"""What a person sees of the cards."""

import re
from pathlib import Path

from tests.support.jack_card import JackCard
from tests.support.program import Program


def test_devices_lists_the_card(card: JackCard, tmp_path: Path) -> None:
    with Program("devices", cwd=tmp_path, environment=card.environment) as program:
        assert program.wait_exit() == 0, program.said
        row = next(line for line in program.out.splitlines() if "JACK" in line)
        assert re.search(r"0 +system +JACK Audio Connection Kit +1 \* +1 \* +24000 +\d+/\d+", row)
        assert not program.err


def test_devices_without_any_card(tmp_path: Path) -> None:
    with Program("devices", cwd=tmp_path) as program:
        assert program.wait_exit() == 0, program.said
        assert program.out.startswith("No sound card found")
        assert not program.err


def test_an_unknown_name_lists_what_there_is(card: JackCard, tmp_path: Path) -> None:
    arguments = ("run", "--endpoint", "http://127.0.0.1:9", "--no-use-api-key", "--input", "violin")
    with Program(*arguments, cwd=tmp_path, environment=card.environment) as program:
        assert program.wait_exit() == 2, program.said
        (sentence,) = program.err.splitlines()
        assert "'violin' is neither a .wav file nor an input device" in sentence
        assert "[0] system (JACK Audio Connection Kit)" in sentence


def test_a_card_that_nobody_speaks_into_is_silent(card: JackCard, tmp_path: Path) -> None:
    with Program("devices", "--test", cwd=tmp_path, environment=card.environment) as program:
        assert program.wait_exit() == 1, program.said
        assert "system (JACK Audio Connection Kit)" in program.out
        assert program.out.splitlines()[-1].startswith("silent: only digital silence")
        assert not program.err
