"""The browser bridge of `examples/`, and what a browser hears and sounds on it."""

import base64
import re
import sys
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tests.support.chromium import Page
from tests.support.program import REPOSITORY, Program
from tests.support.sound import Samples

FRAME_SAMPLES = 128
"""What a browser's audio thread computes at a time."""
SERVER = REPOSITORY / "examples" / "browser_bridge" / "server.py"


class Bridge(Program):
    """The server, on a port of its own."""

    @staticmethod
    def command(*arguments: object) -> list[str]:
        return [sys.executable, str(SERVER), "--port", "0", *map(str, arguments)]

    @property
    def address(self) -> str:
        """Where the page is."""
        self.wait_output("Ctrl-C ends.")
        found = re.search(r"http://\S+", self.out)
        assert found, self.said
        return found[0]


class Tapped(NamedTuple):
    """What passed in the browser's audio thread, sample by sample, on one clock."""

    rate_hz: int
    microphone: Samples
    loudspeaker: Samples
    times_ms: npt.NDArray[np.int64]
    """When each 128 samples passed, ``time.time``, whole milliseconds."""

    @property
    def sounds(self) -> list[tuple[int, int]]:
        """Begin and end of each sound of the loudspeaker; silences of 50 ms lie between them."""
        loud = np.flatnonzero(self.loudspeaker)
        if not loud.size:
            return []
        gaps = np.flatnonzero(np.diff(loud) > self.rate_hz // 20)
        begins = [loud[0], *loud[gaps + 1]]
        ends = [*loud[gaps] + 1, loud[-1] + 1]
        return [(int(begin), int(end)) for begin, end in zip(begins, ends, strict=True)]


_TAP = """
(() => {
  const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
    process(inputs) {
      const heard = inputs.map(([mono]) => mono?.slice() ?? new Float32Array(128));
      const [microphone, loudspeaker] = heard;
      this.port.postMessage({frame: currentFrame, at: Date.now(), microphone, loudspeaker});
      return true;
    }
  })`;
  const connect = AudioNode.prototype.connect;
  window.tapped = [];
  AudioNode.prototype.connect = function (to, ...more) {
    if (this instanceof MediaStreamAudioSourceNode) window.tappedSource = this;
    if (to === this.context.destination) {
      const {context} = this;
      window.tappedContext = context;
      const url = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
      context.audioWorklet.addModule(url).then(() => {
        const tap = new AudioWorkletNode(context, "tap", {numberOfInputs: 2});
        tap.port.onmessage = ({data}) => window.tapped.push(data);
        connect.call(window.tappedSource, tap, 0, 0);
        connect.call(this, tap, 0, 1);
      });
    }
    return connect.call(this, to, ...more);
  };
})()
"""

_TAKE = """
(() => {
  const pcm = new Int16Array(window.tapped.length * 256);
  window.tapped.forEach(({microphone, loudspeaker}, i) => {
    for (let n = 0; n < 128; n++) {
      pcm[i * 128 + n] = Math.round(microphone[n] * 32768);
      pcm[pcm.length / 2 + i * 128 + n] = Math.round(loudspeaker[n] * 32768);
    }
  });
  const bytes = new Uint8Array(pcm.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) {
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  }
  const [frames, times] = ["frame", "at"].map((name) => window.tapped.map((one) => one[name]));
  return {frames, times, rate_hz: window.tappedContext.sampleRate, pcm: btoa(text)};
})()
"""


def tap(page: Page) -> None:
    """Keep from now on what the page hears and sounds; call it before the conversation."""
    page.evaluate(_TAP)


def tapped(page: Page) -> Tapped:
    """Return what the page has heard and sounded so far."""
    found: dict[str, Any] = page.evaluate(_TAKE)
    pcm = np.frombuffer(base64.b64decode(found["pcm"]), np.int16).reshape(2, -1, FRAME_SAMPLES)
    places = np.array(found["frames"]) // FRAME_SAMPLES
    placed = np.zeros((2, places[-1] - places[0] + 1, FRAME_SAMPLES), np.int16)
    placed[:, places - places[0]] = pcm  # a browser that is short of time leaves frames out
    times_ms = np.zeros(placed.shape[1], np.int64)
    times_ms[places - places[0]] = found["times"]
    microphone, loudspeaker = placed.reshape(2, -1)
    return Tapped(int(found["rate_hz"]), microphone, loudspeaker, np.maximum.accumulate(times_ms))


def talk(page: Page) -> None:
    """Begin the conversation, and wait until the person can speak."""
    page.click_on("#talk")
    page.wait_for("state.value === 'Speak'")


def spoken_lines(page: Page) -> list[tuple[str, str]]:
    """Return the lines of both sides, without notices."""
    return [(kind, text) for kind, text in lines(page) if kind != "notice"]


def lines(page: Page) -> list[tuple[str, str]]:
    """Return what is shown: "user", "assistant" or "notice", and the words."""
    found = page.evaluate("[...words.children].map((line) => [line.className, line.textContent])")
    return [(kind, text) for kind, text in found]
