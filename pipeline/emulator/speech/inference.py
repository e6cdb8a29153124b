"""Open models with one thread each and no spinning, so that clients share the cores fairly."""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def session_options() -> Any:  # noqa: ANN401 - onnxruntime carries no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Sentences differ in length: an arena would keep memory for the longest one for ever.
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_model(path: Path) -> Any:  # noqa: ANN401 - onnxruntime carries no types
    """Return an `onnxruntime.InferenceSession`; several threads may run it at once."""
    import onnxruntime

    return onnxruntime.InferenceSession(
        str(path), session_options(), providers=["CPUExecutionProvider"]
    )


def release_unused_memory() -> None:
    """Return memory that loading needed and glibc keeps, hundreds of MB; elsewhere do nothing."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
