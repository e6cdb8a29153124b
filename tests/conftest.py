"""Fixtures of every test: a clean environment, and a check that the test leaves nothing behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.leftovers import nothing_left

REPOSITORY = Path(__file__).parent.parent
MEASURING = {"test_bench.py", "test_continuous_answer.py"}

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
    with nothing_left():
        yield


@pytest.fixture(scope="session", autouse=True)
def _leaves_no_file_in_the_repository() -> Iterator[None]:
    before = _files()
    yield
    left = _files() - before
    assert not left, f"files left in the repository: {left}"


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
