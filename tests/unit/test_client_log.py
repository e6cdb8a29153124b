"""The lines of `serve` about one client."""

from pipeline.emulator.server.client_log import ClientLog


class Times:
    """A clock that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def told(lines: list[str]) -> list[str]:
    """Return the lines without their times of day."""
    return [line.split("  ", 1)[1] for line in lines]


def test_a_client_from_its_coming_to_its_going() -> None:
    lines: list[str] = []
    times = Times()
    log = ClientLog(3, "10.0.0.1:5", lines.append, now_s=times)
    log.came("gpt-realtime")
    times.now_s = 0.5
    log.sent({"type": "session.created"})
    times.now_s = 2.0
    log.sent({"type": "input_audio_buffer.speech_stopped"})
    log.sent({"type": "response.created"})
    times.now_s = 2.4
    log.sent({"type": "response.audio.delta"})
    times.now_s = 2.6
    log.sent({"type": "response.audio.delta"})
    log.sent({"type": "response.done", "response": {"status": "completed"}})
    log.received("input_audio_buffer.append")
    times.now_s = 9.0
    log.gone()
    assert told(lines) == [
        "client 3 came from 10.0.0.1:5, for gpt-realtime",
        "client 3 is ready, 0.50 s after it came",
        "client 3 answer 1: completed, begun 0.40 s after the question",
        "client 3 has gone after 9.0 s and 1 answer(s)",
    ]


def test_a_refusal_cannot_steer_the_terminal() -> None:
    lines: list[str] = []
    ClientLog(1, "a", lines.append).refused(400, "late-deltas is '\x1b[2J'\n")
    assert told(lines) == ["client 1 from a was refused (HTTP 400): late-deltas is '' "]


def test_frequent_events_are_counted() -> None:
    lines: list[str] = []
    log = ClientLog(1, "a", lines.append, events=True)
    for _ in range(4):
        log.received("input_audio_buffer.append")
    log.received("response.create")
    log.sent({"type": "response.done", "response": {"status": "cancelled"}})
    assert told(lines) == [
        "client 1 received 4 input_audio_buffer.append",
        "client 1 received response.create",
        "client 1 sent response.done",
        "client 1 answer 1: cancelled",
    ]
