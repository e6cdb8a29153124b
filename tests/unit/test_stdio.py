"""Standard output and standard error take everything, wherever they go."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORDS = "Listening \u2026 \u2018caf\u00e9\u2019 \u4eca \U0001f600 \ud83d"
WRITE = f"""
import sys
from pipeline.system.stdio import make_output_safe
make_output_safe()
for stream in (sys.stdout, sys.stderr):
    stream.write({WORDS!a} + chr(10))
    stream.flush()
"""


def run(script: str, redirection: str = "", encoding: str = "utf-8") -> Any:
    """Run Python code in a shell that redirects its streams."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, script],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "Listening \u2026 \u2018caf\u00e9\u2019 \u4eca \U0001f600 "),
        ("cp1252", "Listening \u2026 \u2018caf\u00e9\u2019 \\u4eca \\U0001f600 "),
        ("latin-1", "Listening ... 'caf\u00e9' \\u4eca \\U0001f600 "),
        ("cp437", "Listening ... 'caf\u00e9' \\u4eca \\U0001f600 "),
        ("ascii", "Listening ... 'caf\\xe9' \\u4eca \\U0001f600 "),
    ],
)
def test_what_cannot_be_encoded_is_written_plainly(encoding: str, written: str) -> None:
    ended = run(WRITE, encoding=encoding)
    assert ended.returncode == 0
    assert ended.stdout.decode(encoding) == written + "\\ud83d\n"
    replaced = "\\ufffd" if encoding != "utf-8" else "\ufffd"
    assert ended.stderr.decode(encoding) == f"{written}{replaced}\n"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_ends_nothing_and_its_number_is_not_taken(redirection: str) -> None:
    ended = run(WRITE + "import socket; sys.exit(socket.socket().fileno())\n", redirection)
    assert ended.returncode > 2
    assert b"Error" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_ends_nothing() -> None:
    assert run(WRITE, ">/dev/full 2>/dev/full").returncode == 0


@pytest.mark.parametrize("open_end", [False, True])
def test_a_reader_that_has_gone_or_does_not_read_holds_nothing_up(open_end: bool) -> None:
    if open_end and sys.platform == "win32":
        pytest.skip("there a pipe cannot be waited for")
    read_fd, write_fd = os.pipe()
    if not open_end:
        os.close(read_fd)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", WRITE + "sys.stdout.write(1_000_000 * 'x')\n"],
            stdout=write_fd,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write_fd)
        if open_end:
            os.close(read_fd)
    assert ended.returncode == 0
    assert b"Error" not in ended.stderr
    assert b"Listening" in ended.stderr


def test_standard_error_keeps_no_control_characters() -> None:
    script = (
        WRITE + "raise ValueError('a \\x1b]0;title\\x07\\x1b[2Jfault\\u202e of\\nthe service')\n"
    )
    ended = run(script)
    assert ended.returncode == 1
    assert b"ValueError: a fault of\nthe service\n" in ended.stderr
    assert not {*b"\x1b\x07"} & {*ended.stderr}


def test_unbuffered_streams_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-u", "-c", WRITE], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("Listening \u2026".encode())
