"""The browser bridge of `examples/`, and what a browser hears and sounds on it."""

import base64
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from pipeline.audio.selection import SAMPLE_WAV
from tests.support.chromium import Chromium
from tests.support.chromium_page import Page
from tests.support.program import REPOSITORY, Program
from tests.support.scripted_service import ScriptedService
from tests.support.sound import RATE_HZ, Samples, read_wav, write_wav

FRAME_SAMPLES = 128
"""What a browser's audio thread computes at a time."""
SERVER = REPOSITORY / "examples" / "browser_bridge" / "server.py"


class Bridge(Program):
    """The server, on a port of its own."""

    @staticmethod
    def command(*arguments: object) -> list[str]:
        return [sys.executable, str(SERVER), "--port", "0", *map(str, arguments)]

    @classmethod
    def to(cls, service: ScriptedService, folder: Path, *arguments: object) -> Self:
        """Return a bridge to a scripted service."""
        environment = {
            "AZURE_VOICELIVE_ENDPOINT": service.endpoint,
            "AZURE_VOICELIVE_API_KEY": service.KEY,
        }
        return cls(*arguments, cwd=folder, environment=environment)

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
    missed_ms: float
    """Duration of what a browser that was short of time left out: silence stands for it."""

    def sounds(self, pause_ms: int) -> list[tuple[int, int]]:
        """Begin and end of each sound of the loudspeaker, `pause_ms` or more apart."""
        return stretches(np.flatnonzero(self.loudspeaker), pause_ms, self.rate_hz)


@contextmanager
def interrupted_story(folder: Path) -> Iterator[Page]:
    """Let a browser's microphone ask the offline service for a story and interrupt it."""
    microphone = write_wav(folder / "voice.wav", interrupting_speech())
    with (
        Program("serve", "--key", "k", cwd=folder) as service,
        Bridge(cwd=folder, environment=settings_for(service)) as bridge,
        Chromium(microphone=microphone) as browser,
    ):
        page = browser.open(bridge.address)
        tap(page)
        talk(page)
        yield page


def settings_for(service: Program) -> dict[str, str]:
    """Wait until `serve --key k` works; return the environment of its clients."""
    service.wait_output("Ctrl-C ends the service.")
    (endpoint,) = re.findall(r"^endpoint\s+(\S+)$", service.out, re.MULTILINE)
    return {"AZURE_VOICELIVE_ENDPOINT": endpoint, "AZURE_VOICELIVE_API_KEY": "k"}


def stretches(loud: npt.NDArray[np.int64], pause_ms: int, rate_hz: int) -> list[tuple[int, int]]:
    """Return begin and end of each stretch of the samples `loud` without a pause."""
    if not loud.size:
        return []
    gaps = np.flatnonzero(np.diff(loud) > rate_hz * pause_ms // 1_000)
    begins, ends = [loud[0], *loud[gaps + 1]], [*loud[gaps] + 1, loud[-1] + 1]
    return [(int(begin), int(end)) for begin, end in zip(begins, ends, strict=True)]


def interrupting_speech() -> Samples:
    """Return a request for a story and a sentence that interrupts it, for a fake microphone.

    It is played again and again; the pause before the request is longer than the bridge needs to
    begin a session, or the request would be understood for the first time when it is repeated.
    """
    spoken = read_wav(SAMPLE_WAV)
    sentences = stretches(np.flatnonzero(spoken), 500, RATE_HZ)
    _, story, stop = (spoken[begin:end] for begin, end in sentences)
    return np.concatenate([silence(4), story, silence(5), stop, silence(9)])


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE_HZ), np.int16)


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
    rate_hz = int(found["rate_hz"])
    missed_ms = (placed.shape[1] - pcm.shape[1]) * FRAME_SAMPLES * 1_000 / rate_hz
    times_ms = np.maximum.accumulate(times_ms)
    return Tapped(rate_hz, microphone, loudspeaker, times_ms, missed_ms)


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
