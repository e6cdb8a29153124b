"""The program's start: `voice-pipeline` and `python -m pipeline`; the commands are in `cli`.

Also runs on a Python that is too old or lacks the libraries, to say so in one sentence.
"""

import signal
import sys
from typing import NoReturn

OLDEST_PYTHON = (3, 11)
_USAGE_ERROR = 2
_REMEDY = (
    "in the project's folder run `make setup`, then `.venv/bin/voice-pipeline run` or `make run`."
)


def main() -> None:
    """Run the command that the program was started with, and exit with its code."""
    # Ctrl-C ends the process at once, without a traceback, while modules load.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.version_info < OLDEST_PYTHON:
        _fail(f"this is Python {sys.version.split()[0]}, expected 3.11 to 3.14")
    try:
        from pipeline.system.resources import limit_math_threads
        from pipeline.system.stdio import make_output_safe

        make_output_safe()
        limit_math_threads()
        from pipeline.cli import main as run_command

        run_command()
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in ("", "pipeline"):  # a fault of ours, not of the installation
            raise
        _fail(f"this Python ({sys.executable}) lacks the library {library}")


def _fail(fault: str) -> NoReturn:
    sys.stderr.write(f"error: {fault}: {_REMEDY}\n")
    sys.exit(_USAGE_ERROR)


if __name__ == "__main__":
    main()
