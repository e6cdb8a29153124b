"""What `serve` tells about its clients: one line each when something happens to one of them."""

import time
from collections.abc import Callable
from datetime import datetime

from pipeline.emulator.wire.events import Event
from pipeline.ipc.event_counts import EventCounts
from pipeline.system.text import printable, shortened

ShowLine = Callable[[str], None]

_SOUND_OR_TEXT = ("response.audio.delta", "response.text.delta")


class ClientLog:
    """Tells what happens to one client, with the time of day.

    :param where: the client's address.
    :param events: whether to tell each event, too; frequent ones are counted.
    """

    def __init__(
        self,
        number: int,
        where: str,
        show: ShowLine,
        *,
        events: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = f"client {number}"
        self._where = where
        self._show = show
        self._sent = EventCounts() if events else None
        self._received = EventCounts() if events else None
        self._now_s = now_s
        self._came_s = now_s()
        self._asked_s: float | None = None
        self._first_s: float | None = None
        self._answers = 0

    def came(self, model: str) -> None:
        self._tell(f"came from {self._where}, for {model}")

    def refused(self, status: int, reason: str) -> None:
        self._tell(f"from {self._where} was refused (HTTP {status}): {reason}")

    def sent(self, event: Event) -> None:
        """Note an event to the client."""
        kind = event["type"]
        if self._sent is not None:
            self._tell_events("sent", self._sent.lines(kind))
        if kind == "session.created":
            self._tell(f"is ready, {self._now_s() - self._came_s:.2f} s after it came")
        elif kind == "input_audio_buffer.speech_stopped":
            self._asked_s = self._now_s()
        elif kind == "response.created":
            self._first_s = None
            if self._asked_s is None:  # a typed question
                self._asked_s = self._now_s()
        elif kind in _SOUND_OR_TEXT and self._first_s is None:
            self._first_s = self._now_s()
        elif kind == "response.done":
            self._answered(event["response"]["status"])

    def received(self, kind: str) -> None:
        """Note an event of the client."""
        if self._received is not None:
            self._tell_events("received", self._received.lines(kind))

    def gone(self) -> None:
        """Note the end of the connection."""
        for way, counts in (("received", self._received), ("sent", self._sent)):
            if counts is not None:
                self._tell_events(way, counts.rest())
        stayed_s = self._now_s() - self._came_s
        self._tell(f"has gone after {stayed_s:.1f} s and {self._answers} answer(s)")

    def _answered(self, status: str) -> None:
        self._answers += 1
        began = ""
        if self._first_s is not None and self._asked_s is not None:
            began = f", begun {max(0.0, self._first_s - self._asked_s):.2f} s after the question"
        self._asked_s = None
        self._tell(f"answer {self._answers}: {status}{began}")

    def _tell_events(self, way: str, lines: list[str]) -> None:
        for line in lines:
            self._tell(f"{way} {line}")

    def _tell(self, words: str) -> None:
        at = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        self._show(f"{at}  {self._name} {shortened(printable(words), 500)}")
