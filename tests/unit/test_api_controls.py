"""What a session's controls refuse before anything is sent."""

from typing import Any

import pytest

from pipeline import BlockingVoiceSession, SessionError, Settings, VoiceSession


@pytest.mark.parametrize("kind", [VoiceSession, BlockingVoiceSession])
@pytest.mark.parametrize("text", [5, None, b"words"])
def test_a_text_that_is_none_is_refused(
    kind: type[VoiceSession | BlockingVoiceSession], text: Any
) -> None:
    session = kind(Settings(offline=True))
    with pytest.raises(SessionError, match=f"text to say is {text!r}, expected a str: give one"):
        session.say(text)
    with pytest.raises(SessionError, match=f"text of the mark is {text!r}, expected a str"):
        session.mark(text)
