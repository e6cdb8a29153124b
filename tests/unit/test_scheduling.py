"""Real-time scheduling is a wish: whatever the system says, the program goes on and tells."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.system import realtime
from pipeline.system.realtime import AUDIO_PRIORITY, Promotion
from pipeline.system.scheduling import promote_by_broker, promote_this_thread


@pytest.mark.skipif(sys.platform != "linux", reason="rtkit is a part of Linux desktops")
def test_without_a_system_bus_nothing_is_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'no_bus'}")
    assert promote_by_broker(threading.get_native_id()) is None


def test_a_thread_is_promoted_or_not_and_the_outcome_has_words() -> None:
    outcomes: list[str | None] = []
    thread = threading.Thread(target=lambda: outcomes.append(promote_this_thread(AUDIO_PRIORITY)))
    thread.start()
    thread.join()
    (outcome,) = outcomes
    assert outcome is None or "scheduling" in outcome or "priority" in outcome


@pytest.mark.skipif(sys.platform != "linux", reason="programs are started otherwise elsewhere")
def test_what_a_promoted_thread_starts_is_not_promoted() -> None:
    policies: list[str] = []
    ask = "import os; print(os.sched_getscheduler(0) == os.SCHED_OTHER)"

    def start_a_program() -> None:
        promote_this_thread(AUDIO_PRIORITY)
        policies.append(subprocess.check_output([sys.executable, "-c", ask], text=True).strip())

    thread = threading.Thread(target=start_a_program)
    thread.start()
    thread.join()
    assert policies == ["True"]


@pytest.mark.parametrize(
    ("at_once", "by_broker", "logged"),
    [
        ("at once", None, "at once"),
        (None, "by the broker", "by the broker"),
        (None, None, "ordinary priority: the system grants no real-time scheduling"),
    ],
)
def test_the_outcome_is_logged_once(
    at_once: str | None,
    by_broker: str | None,
    logged: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(realtime, "promote_this_thread", lambda _: at_once)

    def ask(tid: int) -> str | None:
        asked.append(tid)
        return by_broker

    monkeypatch.setattr(realtime, "promote_by_broker", ask)
    caplog.set_level(logging.INFO)
    promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
    promotion.log_outcome()  # there is none yet
    promotion.promote_once()
    for _ in range(3):
        promotion.log_outcome()
    assert caplog.messages == [logged]
    assert asked == ([] if at_once else [threading.get_native_id()])


def test_a_thread_that_may_run_long_is_not_handed_to_the_broker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(realtime, "promote_this_thread", lambda _: None)
    monkeypatch.setattr(realtime, "promote_by_broker", lambda _: pytest.fail("it was"))
    caplog.set_level(logging.INFO)
    promotion = Promotion(AUDIO_PRIORITY, by_broker=False)
    promotion.promote_once()
    promotion.log_outcome()
    assert caplog.messages == ["ordinary priority: the system grants no real-time scheduling"]
