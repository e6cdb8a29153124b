"""Conversations that are free of I/O, which several files of tests drive."""

import pytest

from pipeline.network.conversation import Conversation
from pipeline.network.events import ResponseCreated, SpeechStarted, SpeechStopped
from tests.support.conversation import MS, delta, drive


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


@pytest.fixture
def answering(conversation: Conversation) -> Conversation:
    """The user has asked; the answer r1 has sent 1000 ms of its item i1."""
    drive(conversation, SpeechStarted(), SpeechStopped(), ResponseCreated("r1"), delta(1_000 * MS))
    return conversation
