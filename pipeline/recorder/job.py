"""What the recorder is told when it starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

WAVE_NAME = "conversation.wav"
EVENTS_NAME = "events.jsonl"
MARKDOWN_NAME = "transcript.md"
SUBTITLES_NAME = "transcript.vtt"
NAMES = (WAVE_NAME, EVENTS_NAME, MARKDOWN_NAME, SUBTITLES_NAME)


@dataclass(frozen=True, slots=True)
class RecorderJob:
    """Where to record to, and what the first line of the events tells."""

    folder: Path
    start_ns: int
    """``time.monotonic_ns`` of the recording's first sample."""
    started: str
    """The same as a date and time of the day."""
    facts: dict[str, Any]
    """Version, settings without secrets, cards."""
    reads_ahead: bool
    """Whether words are reported before they are heard."""
