"""A Chromium without a window, driven by the DevTools protocol over a pipe.

    with Chromium() as browser:
        page = browser.open(path.as_uri())
        page.wait_for("document.title")

The pipe is Chromium's own `--remote-debugging-pipe`: JSON with a zero byte behind each message. No
port is opened, and when the test dies, the pipe's end of file ends the browser. The profile lies in
a temporary folder.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.chromium_page import Page, PageError
from tests.support.program import GENEROUS_S

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # refused to root, and in containers; only the project's own pages are opened
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--password-store=basic",
    "--autoplay-policy=no-user-gesture-required",
)
_EXEC_WITH_PIPES = """
import os, sys
# Chromium reads commands from descriptor 3 and answers on 4; ours are above 9, out of their way.
for place, number in ((3, sys.argv[1]), (4, sys.argv[2])):
    os.dup2(int(number), place)
    os.close(int(number))
os.execv(sys.argv[3], sys.argv[3:])
"""


@cache
def chromium_path() -> str | None:
    """Return the browser's program; None if none works (Ubuntu's `chromium-browser` is a stub)."""
    found = [path for name in _NAMES if (path := shutil.which(name))]
    if _MAC.exists():
        found.append(str(_MAC))
    return next((path for path in found if _works(path)), None)


def _works(path: str) -> bool:
    run = subprocess.run([path, "--version"], capture_output=True, check=False)
    return run.returncode == 0 and b"Chrom" in run.stdout


class Chromium:
    """One browser process. Enter the context to start it; leaving it leaves nothing behind.

    :param microphone: a WAV file that the fake microphone plays, again and again; without one it
        beeps. Pages get it without being asked for leave.
    :param flags: more flags of the command line.
    """

    def __init__(self, *flags: str, microphone: Path | None = None) -> None:
        self._flags = [*flags, "--use-fake-ui-for-media-stream"]
        self._flags.append("--use-fake-device-for-media-stream")
        if microphone is not None:
            self._flags.append(f"--use-file-for-fake-audio-capture={microphone}")
        self._numbers = count(1)
        self._answers: dict[int, Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._sending = threading.Lock()

    def __enter__(self) -> Self:
        path = chromium_path()
        if path is None:
            pytest.skip("no Chromium and no Chrome was found: scripts/setup.sh says why")
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        try:
            self._start(path)
            self.call("Browser.getVersion")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(AttributeError, PageError, OSError):
            self.call("Browser.close")
        if process := getattr(self, "_process", None):
            with suppress(subprocess.TimeoutExpired):
                process.wait(GENEROUS_S)
            # The browser has ended; what it started shares its process group.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._reader.join()
            self._commands.close()
            self._messages.close()
        self._folder.cleanup()

    def open(self, url: str = "about:blank") -> Page:
        """Open `url` in a new page, and wait until it has loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(partial(self.call, session=session))
        for domain in ("Runtime", "Log", "Page"):
            page.call(f"{domain}.enable")
        page.go(url)
        return page

    def call(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        """Call a method of the DevTools protocol; returns its result.

        :raises PageError: the browser refuses, or has ended.
        """
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        answer = self._answers[number] = Future()
        with self._sending:
            try:
                self._commands.write(json.dumps(message).encode() + b"\0")
                self._commands.flush()
            except OSError as error:
                raise PageError(f"{method}: the browser has ended") from error
        return answer.result(GENEROUS_S)

    def _start(self, path: str) -> None:
        commands_read, commands_write = _pipe()
        messages_read, messages_write = _pipe()
        profile = Path(self._folder.name)
        launcher = [sys.executable, "-c", _EXEC_WITH_PIPES]
        try:
            self._process = subprocess.Popen(
                [
                    *launcher,
                    *(str(commands_read), str(messages_write), path, *_FLAGS),
                    *(f"--user-data-dir={profile / 'profile'}", *self._flags, "about:blank"),
                ],
                env={**os.environ, "HOME": str(profile), "XDG_RUNTIME_DIR": str(profile)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(commands_read, messages_write),
                start_new_session=True,
            )
        finally:
            os.close(commands_read)
            os.close(messages_write)
        self._commands = os.fdopen(commands_write, "wb")
        self._messages = os.fdopen(messages_read, "rb")
        self._reader = threading.Thread(target=self._read, name="chromium", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        waiting = b""
        while chunk := self._messages.read1(1 << 20):
            *whole, waiting = (waiting + chunk).split(b"\0")
            for message in whole:
                self._handle(json.loads(message))
        for answer in list(self._answers.values()):
            answer.set_exception(PageError("the browser has ended"))

    def _handle(self, message: dict[str, Any]) -> None:
        if answer := self._answers.pop(message.get("id", 0), None):
            if "error" in message:
                answer.set_exception(PageError(message["error"]["message"]))
            else:
                answer.set_result(message["result"])
        elif page := self._pages.get(message.get("sessionId", "")):
            page.note(message["method"], message["params"])


def _pipe() -> tuple[int, int]:
    """Return both ends of a pipe, whose descriptors are above 9."""
    import fcntl

    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
