"""Imports run one way, and heavy or platform-bound packages stay where they belong."""

import ast
from pathlib import Path

import pytest

import pipeline

PACKAGE = Path(pipeline.__file__).parent
PARTS = dict.fromkeys(("audio", "network", "tools", "offline", "console", "bench"), 2)
RANK = {"__main__": 6, "cli": 5, "supervisor": 4, "voice": 3, **PARTS, "shm": 1}  # all others: 0
MODULES = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of all that a module imports, at its top or in a function."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def importers(package: str) -> set[str]:
    return {
        name
        for name, path in MODULES.items()
        if any(f"{found}.".startswith(f"{package}.") for found in imported(_tree(path)))
    }


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_its_own_part_and_lower_ones(name: str) -> None:
    part = name.removesuffix(".py").split("/")[0]
    others = {found.split(".")[1] for found in imported(_tree(MODULES[name])) if _is_ours(found)}
    wrong = {other for other in others - {part} if _rank(other) >= max(_rank(part), 1)}
    assert not wrong, f"{name} imports upwards or sideways"


def test_capture_playback_and_network_know_nothing_of_each_other() -> None:
    assert "audio/playback.py" not in importers("pipeline.audio.capture")
    assert "audio/capture.py" not in importers("pipeline.audio.playback")


def test_the_conversation_is_free_of_io() -> None:
    for package in ("asyncio", "numpy", "pipeline.shm", "azure"):
        assert "network/conversation.py" not in importers(package)


def test_pyaudio_is_imported_by_the_devices_alone_and_inside_a_function() -> None:
    assert importers("pyaudio") <= {"audio/devices.py"}
    for name in importers("pyaudio"):
        top = ast.Module(
            [n for n in _tree(MODULES[name]).body if isinstance(n, ast.Import | ast.ImportFrom)], []
        )
        assert "pyaudio" not in imported(top)


def test_memory_order_is_the_business_of_one_module() -> None:
    assert importers("atomicshm") <= {"shm/atomics.py"}


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _rank(part: str) -> int:
    return RANK.get(part, 0)


def _is_ours(dotted: str) -> bool:
    return dotted.startswith("pipeline.")
