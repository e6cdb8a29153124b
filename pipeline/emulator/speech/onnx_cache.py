"""A cache of the recogniser's models as ONNX files, which makes them three times faster.

The weights come as 8-bit integers in onnxruntime's own format, which it never optimises: each step
of decoding converts all of them to floats again. From an ONNX file they are converted once, when
the model is loaded. The files lie in the user's cache folder and hold no optimisation for one
processor. onnxruntime saves the two branches of the decoder's `If` without names, but needs names
to load them: this module writes them into the file.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.emulator.speech.inference import open_model, session_options
from pipeline.emulator.speech.packages import version_of
from pipeline.protobuf import LENGTH_DELIMITED, delimited, fields

_BRANCHES = (7, 1, 5, 6)
"""Field numbers of `ModelProto.graph.node.attribute.g`, the sub-graphs."""
_GRAPH_NAME = 2


def open_folded(source: Path, package: str) -> Any:  # noqa: ANN401 - onnxruntime carries no types
    """Open the model `source` of `package` with its constants folded, from the cache if possible.

    Several processes may do so at once. If the cache cannot be read or written, this takes about a
    second longer. If there is no folder for temporary files either, nothing is folded.
    """
    name = f"{package}-{version_of(package)}-{source.stem}-ort{version_of('onnxruntime')}.onnx"
    with suppress(OSError, RuntimeError):
        cached = cache_folder() / name
        if not cached.exists():
            _write_atomically(cached, to_onnx(source))
        with suppress(Exception):  # a damaged file raises many types of errors: make it anew
            return open_model(cached)
        _write_atomically(cached, to_onnx(source))
        return open_model(cached)
    with suppress(OSError):
        return _open_without_cache(source)
    return open_model(source)


def cache_folder() -> Path:
    """Return the user's cache folder for this project; raise `OSError` if it cannot be made."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "voice-pipeline"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def to_onnx(source: Path) -> bytes:
    """Return the model as ONNX without optimisations, with a name for every sub-graph."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.onnx"
        options = session_options()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.save_model_format", "ONNX")
        options.optimized_model_filepath = str(saved)
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        return bytes(_edited(memoryview(saved.read_bytes()), _BRANCHES, _with_name))


def _open_without_cache(source: Path) -> Any:  # noqa: ANN401 - onnxruntime carries no types
    import onnxruntime

    return onnxruntime.InferenceSession(
        to_onnx(source), session_options(), providers=["CPUExecutionProvider"]
    )


def _write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or nothing; of two writers the later one wins."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        if not path.exists():
            raise
    finally:
        Path(temporary).unlink(missing_ok=True)


def _edited(
    message: memoryview, path: tuple[int, ...], edit: Callable[[memoryview], bytes]
) -> bytes:
    """Return the protocol buffer `message` with `edit` applied to every field at `path`."""
    if not path:
        return edit(message)
    parts: list[bytes | memoryview] = []
    for number, wire_type, whole, payload in fields(message):
        if number == path[0] and wire_type == LENGTH_DELIMITED:
            changed = _edited(payload, path[1:], edit)
            parts.append(whole if changed == payload else delimited(number, changed))
        else:
            parts.append(whole)
    return b"".join(parts)


def _with_name(graph: memoryview) -> bytes:
    named = any(number == _GRAPH_NAME and payload for number, _, _, payload in fields(graph))
    return bytes(graph) if named else bytes(graph) + delimited(_GRAPH_NAME, b"branch")
