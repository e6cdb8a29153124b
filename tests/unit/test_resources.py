"""What the system refuses becomes a sentence; other errors stay what they are."""

import errno
import os

import pytest

from pipeline.system.resources import limit_math_threads, refusal, unlimit_math_threads


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "allow 128 with `ulimit -n`"),
        (OSError(errno.EACCES, "Permission denied", "/x"), "(Permission denied of /x): the system"),
        (BlockingIOError(errno.EAGAIN, "Unavailable"), "no more processes and threads"),
        (RuntimeError("can't start new thread"), "no more processes and threads"),
        (MemoryError(), "grants no more memory"),
    ],
)
def test_a_refusal_says_what_to_do(error: Exception, sentence: str) -> None:
    refused = refusal(error)
    assert refused is not None
    assert sentence in str(refused)
    assert refused.exit_code == 2


@pytest.mark.parametrize(
    "error", [RuntimeError("a fault"), OSError("a fault"), FileNotFoundError(errno.ENOENT, "gone")]
)
def test_other_errors_are_faults_of_the_program(error: Exception) -> None:
    assert refusal(error) is None


def test_only_our_own_limit_of_threads_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    limit_math_threads()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    unlimit_math_threads()
    assert "OPENBLAS_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    limit_math_threads()
    unlimit_math_threads()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
