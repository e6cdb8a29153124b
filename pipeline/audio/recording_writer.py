"""Writes a recording in a thread of its own: a disk may take long, or never answer."""

import errno
import threading
from collections import deque
from contextlib import suppress

from pipeline.audio.recording_file import RecordingFile
from pipeline.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ


class RecordingWriter:
    """Takes samples from an audio callback and gives them to `file`, which is its own from then on.

    `put` is for the callback, which waits for nothing. The other methods are for one other thread.
    They raise an error of the file once; after that everything does nothing.
    """

    MOST_WAITING_S = 60
    """Bounds memory: a disk that takes nothing for so long has ended the recording."""

    CLOSE_S = 0.4
    """How long the end may take; the supervisor kills a process that takes 0.7 s to end."""

    def __init__(self, file: RecordingFile) -> None:
        self._file = file
        self._waiting: deque[bytes] = deque()
        self._piece_bytes = 0
        self._takes = True
        self._closes = False
        self._changed = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def put(self, pcm: bytes) -> None:
        """Queue samples, always as many; they are written after the next `check`."""
        if self._takes:
            self._piece_bytes = len(pcm)
            self._waiting.append(pcm)

    def check(self) -> None:
        """Let what waits be written; call this a few times a second.

        :raises OSError: the recording cannot be continued.
        """
        self._changed.set()
        waiting_bytes = len(self._waiting) * self._piece_bytes
        if waiting_bytes > self.MOST_WAITING_S * SAMPLE_RATE_HZ * SAMPLE_BYTES:
            self._failure = OSError(
                errno.ETIMEDOUT, f"the disk has taken nothing for {self.MOST_WAITING_S} s"
            )
        self._raise_failure()

    def close(self) -> None:
        """Write the rest and close the file.

        :raises OSError: it could not be written, or not in time.
        """
        self._closes = True
        self._changed.set()
        self._thread.join(self.CLOSE_S)
        if self._thread.is_alive() and self._failure is None:
            self._failure = OSError(errno.ETIMEDOUT, "the disk did not take the end in time")
        self._raise_failure()

    def keep_silence(self) -> None:
        """Let `close` leave a recording even if nothing has sounded."""
        self._file.keeps_silence = True

    def _raise_failure(self) -> None:
        failure = self._failure
        if failure is not None and self._takes:
            self._takes = False
            self._waiting.clear()
            raise failure

    def _run(self) -> None:
        try:
            while not self._closes:
                self._changed.wait()
                self._changed.clear()
                self._write()
            self._write()
            self._file.close()
        except OSError as error:
            self._failure = error
            with suppress(OSError):
                self._file.close()

    def _write(self) -> None:
        if pcm := b"".join(self._waiting.popleft() for _ in range(len(self._waiting))):
            self._file.write(pcm)
