"""What import-linter cannot say: where in a module an import stands. `make lint` holds the rest."""

import ast
from pathlib import Path

import pipeline

PORTAUDIO = Path(pipeline.__file__).parent / "audio" / "portaudio.py"


def test_pyaudio_is_imported_inside_functions_alone() -> None:
    """PortAudio's host libraries are loaded in the processes that use a card, and only there."""
    tree = ast.parse(PORTAUDIO.read_text(encoding="utf-8"))
    everywhere = [node for node in ast.walk(tree) if _imports_pyaudio(node)]
    assert everywhere
    assert not [node for node in tree.body if _imports_pyaudio(node)]


def _imports_pyaudio(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "pyaudio" for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.module == "pyaudio"
