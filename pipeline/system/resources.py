"""What the system grants to this program, and sentences about what it refuses."""

import errno
import os
import sys

from pipeline.errors import ResourceError

DESCRIPTORS = 128
"""Three times as many as any of the processes opens."""

_MEMORY = "the system grants no more memory: end other programs, or raise `ulimit -v`"
_PROCESSES = (
    "the system grants no more processes and threads, or no memory for them: end other programs, "
    "or raise `ulimit -u` and `ulimit -v`"
)
_FORBIDDEN = (
    "the system forbids it: the program needs shared memory, sockets, processes and a folder to "
    "write to; allow them in its container, sandbox or service manager"
)
_REFUSALS = {
    errno.EMFILE: f"this program may open no more files: allow {DESCRIPTORS} with `ulimit -n`",
    errno.ENFILE: "the system can open no more files: end other programs",
    errno.EAGAIN: _PROCESSES,
    errno.ENOMEM: _MEMORY,
    errno.EPERM: _FORBIDDEN,
    errno.EACCES: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ENOSYS: _FORBIDDEN,
    errno.ENOSPC: "no room is left: make some, or record to another disk",
}
_FOLDER_GONE = (
    "The folder that the program was started in does not exist any more: change to another folder, "
    "and start it there."
)

_MATH_THREADS = "OPENBLAS_NUM_THREADS"


def limit_math_threads() -> None:
    """Let numpy start no threads, in child processes too; call this before it is imported.

    Nothing here multiplies large matrices. The threads cost memory, and where the system refuses
    them OpenBLAS ends the process by SIGINT.
    """
    os.environ.setdefault(_MATH_THREADS, "1")


def unlimit_math_threads() -> None:
    """Undo that for the user's own functions."""
    if os.environ.get(_MATH_THREADS) == "1":
        del os.environ[_MATH_THREADS]


def ensure_descriptors() -> None:
    """Raise the limit of open files to what the program needs, for its child processes too.

    :raises ResourceError: the system forbids that.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
            raise ResourceError(
                f"This program may open {hard} files at once, expected at least {DESCRIPTORS}: "
                f"raise the limit with `ulimit -n {DESCRIPTORS}`."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))


def refusal(error: BaseException) -> ResourceError | None:
    """Return the sentence about what the system refused; None if it is another error."""
    if isinstance(error, MemoryError):
        return ResourceError(f"The program cannot go on: {_MEMORY}.")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return ResourceError(f"The program cannot go on: {_PROCESSES}.")
    if isinstance(error, FileNotFoundError) and not _has_working_folder():
        return ResourceError(_FOLDER_GONE)
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        where = f" of {error.filename}" if error.filename else ""
        return ResourceError(
            f"The program cannot go on ({error.strerror}{where}): {_REFUSALS[error.errno]}."
        )
    return None


def _has_working_folder() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109 - asks whether there is one
    except FileNotFoundError:
        return False
