"""What the system does not grant is said in one sentence, before the conversation begins.

The limits are real: a small file system in the place of /dev/shm, limits of the shell, and system
calls that a filter refuses.
"""

import errno
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.seccomp import PROCESSES
from tests.support.sound import noise, write_wav

USAGE = 2
LEFT_BEHIND = "left-behind.txt"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


def can_mount() -> bool:
    """Whether this user may mount file systems in a name space of its own."""
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def refused(folder: Path, first: str) -> str:
    """Run the program after `first`, which ends with it; return the one sentence."""
    spoken = write_wav(folder / "spoken.wav", noise(1, -9, 9, seed=1))
    files = ("--input", spoken, "--output", folder / "heard.wav")
    endpoint = ("--endpoint", "http://127.0.0.1:9", "--api-key", "never-sent")
    with Program("run", *endpoint, *files, cwd=folder, first=first) as program:
        assert program.wait_exit() == USAGE, program.said
        program.wait_gone()
        (sentence,) = program.err.splitlines()
    assert not (folder / "heard.wav").exists()
    return sentence


@pytest.mark.parametrize(
    ("options", "why"),
    [("size=1m", "No space left on device"), ("size=3m", "No space left on device"), ("ro", "")],
)
def test_shared_memory_that_is_too_small_or_forbidden(
    tmp_path: Path, options: str, why: str
) -> None:
    """It is reserved when it is created: a process that met its end later died of SIGBUS."""
    if not can_mount():
        pytest.skip("this user may not mount file systems")
    inside = f"""
        mount -t tmpfs -o {options} none /dev/shm || exit 99
        "$0" "$@"
        code=$?
        ls /dev/shm >{LEFT_BEHIND}
        exit $code
    """
    sentence = refused(tmp_path, f'exec unshare -m sh -c \'{inside}\' "$0" "$@"')
    assert sentence.startswith(f"error: Shared memory cannot be reserved ({why}")
    assert sentence.endswith("containers take --shm-size=64m.")
    assert not (tmp_path / LEFT_BEHIND).read_text()


def test_shared_memory_that_is_larger_than_a_file_may_be(tmp_path: Path) -> None:
    sentence = refused(tmp_path, "ulimit -f 2000")
    assert sentence.startswith("error: Shared memory cannot be reserved (File too large): ")
    assert "`ulimit -f`" in sentence


def test_too_few_open_files(tmp_path: Path) -> None:
    sentence = refused(tmp_path, "ulimit -n 20")
    assert "may open 20 files at once, expected at least 128: raise the limit" in sentence


@pytest.mark.parametrize(
    ("calls", "error", "sentence"),
    [
        (PROCESSES, errno.EAGAIN, "grants no more processes and threads"),
        ("socketpair", errno.EPERM, "(Operation not permitted): the system forbids it"),
    ],
)
def test_processes_and_sockets_that_are_forbidden(
    tmp_path: Path, calls: str, error: int, sentence: str
) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the filter knows the numbers of x86-64 only")
    forbid = f"{sys.executable} -m tests.support.seccomp {error} {calls}"
    assert sentence in refused(tmp_path, f'exec {forbid} "$0" "$@"')


def test_the_limit_of_open_files_is_raised_where_it_may_be() -> None:
    script = (
        "import resource; from pipeline.system.resources import ensure_descriptors;"
        "ensure_descriptors(); print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    limits = [
        subprocess.run(
            ["sh", "-c", f'ulimit -Sn {soft}; exec "$0" -c "$1"', sys.executable, script],
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()[0]
        for soft in (20, 256)
    ]
    assert limits == ["128", "256"]
