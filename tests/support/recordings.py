"""Recorded conversations, made without a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support.sound import RATE_HZ, noise

START_NS = 7_000_000_000_000
Entry = dict[str, Any]


def at_ns(second: float) -> int:
    """Return the time at which a second of the recording was, ``time.monotonic_ns``."""
    return START_NS + round(second * 1e9)


def event(second: float, kind: str, **fields: object) -> Entry:
    return {"event": kind, "time_ns": at_ns(second), **fields}


def record(second: float, kind: str, **fields: object) -> Entry:
    place = {"sample": round(second * RATE_HZ)}
    return {"record": kind, "time_ns": at_ns(second), **place, **fields}


def interrupted_once(words: str = "Yes, of course it is.", question: str = "Is it?") -> list[Entry]:
    """A question, and an answer that is cut after a second; 6 s."""
    first, *others = words.split(" ")
    said = [event(3 + n / 10, "assistant_said", text=f" {w}") for n, w in enumerate(others, 1)]
    return [
        record(0, "header", version="0.1.0", started="2026-11-26 12:00:00+00:00", settings={}),
        event(1, "listening"),
        event(2, "processing"),
        event(2.5, "user_said", text=question),
        event(3, "assistant_said", text=first),
        *said,
        event(3.99, "listening"),
        record(4, "cut", generation=1, item=1, heard_samples=RATE_HZ, speech_heard_ns=at_ns(3.994)),
        event(4.01, "assistant_done", text=words, unheard=" Never heard.", cut=True),
        record(3, "sound", item=1, end_sample=4 * RATE_HZ),
        event(5, "processing"),
        record(6, "end"),
    ]


def write_recording(folder: Path, entries: list[Entry], seconds: float = 6) -> Path:
    """Write a folder as the recorder leaves it, but for the transcripts."""
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "events.jsonl").write_text(lines)
    sides = [noise(seconds, -9_000, 9_000, seed) for seed in (1, 2)]
    soundfile.write(folder / "conversation.wav", np.stack(sides, axis=1), RATE_HZ)
    return folder
