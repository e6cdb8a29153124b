"""The screen of a conversation, apart from the terminal that it is shown on."""

import os
import signal
import sys

import pytest

from pipeline.api.blocking import BlockingVoiceSession
from pipeline.config.settings import Settings
from pipeline.console.key_source import KeySource
from pipeline.console.keyboard import key_of
from pipeline.console.live_screen import LiveScreen


def test_a_session_that_has_not_begun_has_no_panel() -> None:
    settings = Settings()
    session = BlockingVoiceSession(settings)
    session._started = True  # as while it starts
    with LiveScreen(settings, keys=False) as screen:
        screen.follow(session)
        screen.tell_repeats()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        ("\x1b[122;5u", "SIGTSTP"),
        ("\x1b[92;5u", "SIGQUIT"),
        ("\x1b[1103::122;5u", "SIGTSTP"),  # on a Cyrillic layout
        ("\x1b[122;5:3u", None),  # its release
        ("\x1b[122;1;122u", None),
    ],
)
def test_keys_that_come_as_sequences_are_signals(
    sequence: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    source = KeySource()
    source.ungetch(sequence)
    key = key_of(source.inkey(timeout=0), more=False)
    LiveScreen(Settings(turn_detection="none"), keys=True).take_key(key)
    assert sent == ([] if name is None else [(0, getattr(signal, name))])


@pytest.mark.parametrize(
    ("sequence", "text"),
    [
        ("\x1b[1096::105;1:1;1096u", "i"),  # on a Cyrillic layout
        ("\x1b[1096:1064:105;2:1;1064u", "i"),  # with Shift
        ("\x1b[1096;1:1;1096u", "ш"),  # by a terminal that does not tell the Latin key
        ("\x1b[99::105;1:1;99u", "c"),  # on a Dvorak layout
        ("\x1b[1096::105;5:1u", ""),  # with Ctrl
        ("\x1b[1096::105;1:3u", ""),  # its release
    ],
)
def test_a_letter_that_is_not_latin_is_the_latin_one_on_its_key(sequence: str, text: str) -> None:
    source = KeySource()
    source.ungetch(sequence)
    assert key_of(source.inkey(timeout=0), more=False).text == text
