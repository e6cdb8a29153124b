"""Bytes of a terminal that are no text."""

import os
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("the Windows console gives characters", allow_module_level=True)

from pipeline.console.key_source import KeySource


def test_a_byte_that_is_no_text_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda **_options: "utf-8")
    reads, written = os.pipe()
    try:
        monkeypatch.setattr("pipeline.console.key_source.STDIN_FD", reads)
        keys = KeySource()
        sent = b"\xe4b\xff" + "ä".encode()
        os.write(written, sent)
        assert "".join(keys.getch() for _ in sent) == "\ufffdb\ufffdä"
        os.close(written)
        with pytest.raises(EOFError):
            keys.getch()
    finally:
        os.close(reads)
