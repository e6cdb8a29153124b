"""A page of Chromium: what it holds, what it says, and what a person does with it."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.program import GENEROUS_S


class PageError(Exception):
    """What the browser refused, or what JavaScript threw."""


class Page:
    """A page of the browser.

    :param call: calls a method of the DevTools protocol for this page.
    :ivar console: what the page wrote to the console, "error: …" and so on; also what it threw and
        did not catch, and what it could not load.
    :ivar requests: the addresses it asked for, once `watch_requests` was called.
    """

    def __init__(self, call: Callable[..., dict[str, Any]]) -> None:
        self._call = call
        self.console: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the DevTools protocol for this page."""
        return self._call(method, **parameters)

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
        found = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{found}.scrollIntoView({{block: 'nearest', behavior: 'instant'}})")
        at = self.evaluate(f"{found}.getBoundingClientRect().toJSON()")
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
