"""Fixtures of every test: a clean environment, and a check that the test leaves nothing behind."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).parent.parent
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux shows segments; absent elsewhere
GRACE_S = 5.0
MEASURING = {"test_bench.py", "test_continuous_answer.py"}

T = TypeVar("T")

# Hypothesis would fail an example that takes 200 ms: no test limits time.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Groups of tests that run in one process when several processes share the tests.

    A module is a group. Tests that play on a card or measure time are one group, so that they never
    run at the same time. Tests of the service are one group, so that its models are loaded once.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(Path(nodeid.partition("::")[0]))


def _group(module: Path) -> str:
    if module.parent.name == "device" or module.name in MEASURING:
        return "cards"
    return "service" if module.parent.name == "service" else str(module)


def pytest_configure() -> None:
    """Restore the signals that a shell ignores in background jobs: programs would inherit that."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest groups first, so that all processors are busy to the end."""
    items.sort(key=lambda item: _group(item.path) not in ("cards", "service"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


@pytest.fixture(scope="session")
def speech_dir() -> Path:
    """Folder of recorded human speech beside the repository; skip the test if it is missing."""
    directory = REPOSITORY.parent / "shared" / "speech"
    if not directory.is_dir():
        pytest.skip(f"{directory} with recorded speech does not exist")
    return directory


@pytest.fixture(autouse=True)
def _settings_only_from_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AZURE_VOICELIVE_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _leaves_no_process_and_no_segment() -> Iterator[None]:
    """Compare with the state before the test: fixtures of a wider scope may keep theirs."""
    processes, segments = _children(), _segments()
    yield
    children = _what_stays(lambda: _children() - processes)
    assert not children, f"child processes left behind: {children}"
    left = _what_stays(lambda: {name for name in _segments() - segments if not _is_foreign(name)})
    assert not left, f"shared memory left behind: {left}"


@pytest.fixture(scope="session", autouse=True)
def _leaves_no_file_in_the_repository() -> Iterator[None]:
    before = _files()
    yield
    left = _files() - before
    assert not left, f"files left in the repository: {left}"


def _what_stays(look: Callable[[], set[T]]) -> set[T]:
    """Return what is still found after a grace period, in which things may go away."""
    deadline = time.monotonic() + GRACE_S
    found = look()
    while found and time.monotonic() < deadline:
        time.sleep(0.02)
        found &= look()
    return found


def _children() -> set[psutil.Process]:
    multiprocessing.active_children()  # reaps those that have ended
    if not _has_children():
        return set()
    return {
        child
        for child in psutil.Process().children(recursive=True)
        if not _is_resource_tracker(child)
    }


def _has_children() -> bool:
    """Check quickly where the system allows it: most tests have no child processes."""
    tracker: Any = resource_tracker._resource_tracker
    try:
        tasks = Path("/proc/self/task").iterdir()
        pids = {pid for task in tasks for pid in (task / "children").read_text().split()}
    except OSError:
        return True
    return bool(pids - {str(tracker._pid)})


def _is_resource_tracker(process: psutil.Process) -> bool:
    """Whether this is the helper process that multiprocessing keeps until the interpreter exits."""
    try:
        return any("resource_tracker" in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def _segments() -> set[str]:
    """Return the names of shared memory, except JACK's, which its server removes."""
    if not SHARED_MEMORY.is_dir():
        return set()
    return {path.name for path in SHARED_MEMORY.iterdir() if not path.name.startswith("jack")}


def _is_foreign(name: str) -> bool:
    """Whether the segment belongs to a process outside this test run that has mapped it."""
    ours = {os.getpid(), *(child.pid for child in _children())}
    path = str(SHARED_MEMORY / name)
    for pid in set(psutil.pids()) - ours:
        try:
            if path in Path(f"/proc/{pid}/maps").read_text():
                return True
        except OSError:
            continue
    return False


def _files() -> set[Path]:
    """Return files that a test may have written: no caches, and no sources (they may be edited)."""
    found = set()
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name != "__pycache__" and not name.endswith(".egg-info")
        ]
        found |= {Path(folder, name) for name in names if not name.endswith((".py", ".md"))}
    return found
