"""The screen of a conversation, apart from the terminal that it is shown on."""

from pipeline.api.blocking import BlockingVoiceSession
from pipeline.config.settings import Settings
from pipeline.console.live_screen import LiveScreen


def test_a_session_that_has_not_begun_has_no_panel() -> None:
    settings = Settings()
    session = BlockingVoiceSession(settings)
    session._started = True  # as while it starts
    with LiveScreen(settings, keys=False) as screen:
        screen.follow(session)
        screen.tell_repeats()
