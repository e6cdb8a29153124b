"""A Chromium without a window, driven by the DevTools protocol over a pipe.

    with Chromium() as browser:
        page = browser.open(path.as_uri())
        page.wait_for("document.title")

The pipe is Chromium's own `--remote-debugging-pipe`: JSON with a zero byte behind each message. No
port is opened, and when the test dies, the pipe's end of file ends the browser. The profile lies in
a temporary folder.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest

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


class PageError(Exception):
    """What the browser refused, or what JavaScript threw."""


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

    def open(self, url: str = "about:blank") -> "Page":
        """Open `url` in a new page, and wait until it has loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
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


class Page:
    """A page of the browser.

    :ivar console: what the page wrote to the console, "error: …" and so on; also what it threw and
        did not catch, and what it could not load.
    :ivar requests: the addresses it asked for, once `watch_requests` was called.
    """

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.console: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the DevTools protocol for this page."""
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Load `url`."""
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            raise PageError(f"{url}: {failed}")
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, javascript: str) -> Any:
        """Return the value of an expression; of a promise what it comes to.

        :raises PageError: it throws.
        """
        answer = self.call(
            "Runtime.evaluate",
            expression=javascript,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if thrown := answer.get("exceptionDetails"):
            raise PageError(_words_of(thrown))
        return answer["result"].get("value")

    def wait_for(self, javascript: str) -> Any:
        """Wait until an expression is true; returns its value."""
        deadline_s = time.monotonic() + GENEROUS_S
        while not (value := self._try(javascript)):
            assert time.monotonic() < deadline_s, f"in vain: {javascript}\n{self.console}"
            time.sleep(0.02)
        return value

    def press(self, key: str, *, shift: bool = False, ctrl: bool = False) -> None:
        """Press and release a key: a character, or a name such as "ArrowLeft"."""
        event: dict[str, Any] = {"key": key, "modifiers": 2 * ctrl + 8 * shift}
        event["code"] = {" ": "Space"}.get(key, f"Key{key.upper()}" if key.isalpha() else key)
        event["windowsVirtualKeyCode"] = _KEY_CODES.get(key) or ord(key[0].upper())
        if len(key) > 1:
            event["code"] = key
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not ctrl else "")
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def click(self, x: float, y: float) -> None:
        self._mouse("mousePressed", x, y, buttons=1)
        self._mouse("mouseReleased", x, y)

    def click_on(self, selector: str) -> None:
        """Click on the middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"
        at = self.evaluate(box)
        self.click(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)

    def drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        self._mouse("mousePressed", x, y, buttons=1)
        self._mouse("mouseMoved", (x + to_x) / 2, (y + to_y) / 2, buttons=1)
        self._mouse("mouseMoved", to_x, to_y, buttons=1)
        self._mouse("mouseReleased", to_x, to_y)

    def wheel(self, x: float, y: float, delta: float, *, ctrl: bool = False) -> None:
        """Turn the wheel over a point; a negative delta turns it away from the person."""
        modifiers = 2 * ctrl
        self._mouse("mouseWheel", x, y, deltaX=0, deltaY=delta, modifiers=modifiers)

    def resize(self, width: int, height: int, *, scale: float = 1) -> None:
        """Set the size of the page in CSS pixels, and how many dots one of them has."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def prefer(self, **features: str) -> None:
        """Let the person prefer something: ``prefers_color_scheme="dark"``."""
        wanted = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=wanted)

    def screenshot(self, path: Path) -> Path:
        """Write what is visible to a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def watch_requests(self) -> None:
        """Collect the addresses that the page asks for from now on."""
        self.call("Network.enable")

    def note(self, method: str, parameters: dict[str, Any]) -> None:
        """Take an event of the DevTools protocol."""
        if read := _EVENTS.get(method):
            self.console.append(read(parameters))
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    def _try(self, javascript: str) -> Any:
        try:
            return self.evaluate(javascript)
        except PageError:  # the page is being replaced
            return None

    def _mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        button = "none" if kind == "mouseWheel" else "left"
        self.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1, **more
        )


def _words_of(thrown: dict[str, Any]) -> str:
    return str(thrown.get("exception", {}).get("description") or thrown["text"])


def _written(event: dict[str, Any]) -> str:
    values = (str(part.get("value", part.get("description", ""))) for part in event["args"])
    return f"{event['type']}: {' '.join(values)}"


def _logged(event: dict[str, Any]) -> str:
    entry = event["entry"]
    return f"{entry['level']}: {entry['text']} {entry.get('url', '')}"


_EVENTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "Runtime.consoleAPICalled": _written,
    "Runtime.exceptionThrown": lambda event: f"error: {_words_of(event['exceptionDetails'])}",
    "Log.entryAdded": _logged,
}
_KEY_CODES = {
    "Enter": 13,
    "Escape": 27,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


def _pipe() -> tuple[int, int]:
    """Return both ends of a pipe, whose descriptors are above 9."""
    import fcntl

    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
