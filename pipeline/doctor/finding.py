"""What `check` has found out about one thing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    :ivar state: "advice" does not keep a conversation from working, "wrong" does.
    :ivar words: what was found; unless all is fine, also what to do.
    """

    name: str
    state: Literal["fine", "advice", "wrong"]
    words: str


def fine(name: str, words: str) -> Finding:
    return Finding(name, "fine", words)


def advice(name: str, words: str) -> Finding:
    return Finding(name, "advice", words)


def wrong(name: str, words: str) -> Finding:
    return Finding(name, "wrong", words)
