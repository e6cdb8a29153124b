"""The browser of the tests: what it says about a page, and that nothing of it stays."""

import tempfile
from pathlib import Path

import pytest
import soundfile

from tests.support.chromium import Chromium
from tests.support.chromium_page import PageError
from tests.support.sound import RATE_HZ, noise, write_wav

PAGE = """<!doctype html><title>Tried</title><button onclick="console.log('clicked', 7)">x</button>
<script>
  const keys = [];
  addEventListener("keydown", (event) => keys.push(event.key));
  async function loudest() {
    const stream = await navigator.mediaDevices.getUserMedia({audio: true});
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    for (;;) {
      analyser.getFloatTimeDomainData(samples);
      const peak = Math.max(...samples.map(Math.abs));
      if (peak > 0.01) return peak;
      await new Promise((done) => setTimeout(done, 20));
    }
  }
</script>"""


def profiles() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("chromium-*"))


def test_a_page_is_driven_and_the_browser_leaves_nothing(tmp_path: Path) -> None:
    before = profiles()
    (tmp_path / "page.html").write_text(PAGE)
    spoken = write_wav(tmp_path / "spoken.wav", noise(2, 3_000, 9_000, seed=1))
    assert soundfile.info(spoken).samplerate == RATE_HZ
    with Chromium(microphone=spoken) as browser:
        page = browser.open((tmp_path / "page.html").as_uri())
        assert page.evaluate("document.title") == "Tried"
        assert page.evaluate("Promise.resolve([1, {a: 2}])") == [1, {"a": 2}]
        with pytest.raises(PageError, match="no such"):
            page.evaluate("(() => { throw new Error('no such thing'); })()")
        page.click_on("button")
        page.press("a")
        page.press("ArrowLeft")
        page.wait_for("keys.length === 2")
        assert page.evaluate("keys") == ["a", "ArrowLeft"]
        page.evaluate("setTimeout(() => { throw new Error('too late'); }) && 1")
        page.wait_for("new Promise((done) => setTimeout(() => done(true), 50))")
        assert page.console[0] == "log: clicked 7"
        assert "too late" in page.console[1]
        page.resize(300, 200)
        assert page.screenshot(tmp_path / "page.png").read_bytes()[:4] == b"\x89PNG"
        assert page.evaluate("loudest()") > 0.01
    assert profiles() <= before
