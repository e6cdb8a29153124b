"""`replay` of what real runs have recorded, and its page in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.test_pipeline_files import kill_everything
from tests.process.test_pipeline_record import answer_endlessly, recorded_s
from tests.support.answers import answer, end_cancelled, positive, user_turn
from tests.support.chromium import Chromium
from tests.support.chromium_page import Page
from tests.support.program import Program
from tests.support.recordings import interrupted_once, write_recording
from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, noise

QUESTION = '</script><script>document.title = "wrong"</script><img src=x onerror=alert(1)>\u2028'
PAGE = "replay.html"


async def interrupt_once(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    await user_turn(session, "question", QUESTION)
    await session.start_answer("cut")
    await session.send(
        "response.audio_transcript.delta",
        response_id="cut",
        item_id="item_cut",
        output_index=0,
        content_index=0,
        delta="One two three four five six seven eight nine ten eleven twelve.",
    )
    await answer(session, "cut", positive(6, seed=3), created=True)
    until_bytes = len(session.heard) + 4 * RATE_HZ
    await session.wait_for(lambda: len(session.heard) >= until_bytes)
    await session.speech_started("turn")
    await session.speech_stopped("turn")
    await end_cancelled(session, "cut")
    await answer(session, "last", -positive(1, seed=4))
    await session.end_answer("last", "item_last")


def replayed(folder: Path, *arguments: object) -> str:
    """Run `replay`; return what it printed."""
    with Program("replay", *arguments, cwd=folder) as program:
        assert program.wait_exit() == 0, program.said
        assert not program.err
        return program.out


@pytest.fixture
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


def view(page: Page) -> tuple[float, float]:
    begin, end = page.evaluate("[view.begin, view.end]")
    return begin, end


def has_cursor_at(page: Page, place: float | str = "position") -> bool:
    """Whether the timeline has the cursor's dark line at a place, or where the page says it is."""
    x = f"Math.floor(xOf({place}, laneBox('ruler')))"  # the pixel that most of the line covers
    pixel = f"canvas.getContext('2d').getImageData({x}, canvas.clientHeight - 6, 1, 1).data"
    red, green, blue, opaque = map(
        int, page.evaluate(f"(() => {{ draw(); return [...{pixel}]; }})()")
    )
    return opaque > 100 and max(red, green, blue) < 60


def middle_of_timeline(page: Page) -> tuple[float, float]:
    box = page.evaluate("canvas.getBoundingClientRect().toJSON()")
    return box["x"] + box["width"] / 2, box["y"] + 60


def check_zoom(page: Page) -> None:
    whole = view(page)
    middle = middle_of_timeline(page)
    page.wheel(*middle, -300)
    page.wait_for(f"view.end - view.begin < {whole[1] * 0.6}")
    assert sum(view(page)) / 2 == pytest.approx(whole[1] / 2, rel=0.02), "zoomed at the mouse"
    page.press("0")
    assert view(page) == whole
    page.press("+")
    assert view(page)[1] - view(page)[0] == pytest.approx(whole[1] / 2)
    before = view(page)
    page.drag(*middle, middle[0] + 100, middle[1])
    page.wait_for(f"view.begin < {before[0]} || view.begin === 0")


def check_playing(page: Page) -> None:
    page.press("c")
    cut = page.evaluate("cuts[0].place")
    assert page.evaluate("position") == cut
    page.press("ArrowLeft")
    assert page.evaluate("position") == cut - RATE_HZ
    page.press("0")
    page.press("Home")
    page.click(*middle_of_timeline(page))
    place = page.wait_for("position")
    assert place == pytest.approx(page.evaluate("END") / 2, rel=0.01)
    assert page.evaluate("document.activeElement.id") == "timeline"
    page.wait_for(f"canvas.ariaValueNow == {round(place / RATE_HZ)}")  # with the next picture
    assert has_cursor_at(page, place)

    page.press(" ")
    page.wait_for(f"!sound.paused && position > {place} + RATE / 4")
    assert page.evaluate("document.querySelector('#play').textContent") == "Pause"
    page.press(" ")
    page.wait_for("sound.paused")
    assert has_cursor_at(page)
    assert not has_cursor_at(page, place), "the cursor has moved"


def test_a_recorded_run_is_printed_and_its_page_works(tmp_path: Path, browser: Chromium) -> None:
    with (
        ScriptedService(interrupt_once) as service,
        run_on_files(service, tmp_path, noise(2, 1, 9_000, 1), "--record", "talk") as program,
    ):
        assert program.wait_exit() == 0, program.said
    printed = replayed(tmp_path, "talk")
    assert "Assistant  One two three" in printed
    assert " of the answer were heard" in printed
    assert "note:" not in printed

    page = browser.open()
    page.watch_requests()
    page.resize(1_000, 800)
    page.go((tmp_path / "talk" / PAGE).as_uri())
    page.wait_for("sound.readyState > 0 && shownRows")
    assert page.evaluate("document.title").startswith("talk")
    assert page.evaluate("turns[0].text") == QUESTION.rstrip("\u2028")
    assert page.evaluate("document.querySelectorAll('img, iframe, body script').length") == 2
    assert page.evaluate("document.querySelector('.turn.assistant p').textContent").endswith(" —")
    assert page.evaluate("sound.duration") == pytest.approx(recorded_s(tmp_path / "talk"), abs=0.01)

    check_zoom(page)
    check_playing(page)
    page.press("?")
    assert page.evaluate("document.querySelector('dialog').open")
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog').open")
    page.prefer(prefers_color_scheme="dark")
    page.wait_for("colours.panel === '#1a1d22'")
    assert not [line for line in page.console if line.startswith("error")]
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "blob", "data"}


def test_a_killed_run_is_shown(tmp_path: Path) -> None:
    with (
        ScriptedService(answer_endlessly) as service,
        run_on_files(service, tmp_path, noise(9, 1, 9_000, 4), "--record", "talk") as program,
    ):
        program.wait_until(lambda: recorded_s(tmp_path / "talk") > 2)
        program.wait_until((tmp_path / "talk" / "transcript.vtt").exists)
        kill_everything(program)
        program.wait_exit()
    printed = replayed(tmp_path, "talk", "--html", "page.html")
    assert (
        "The recording has no end: its run was killed, its disk was full, or it still records."
        in printed
    )
    assert "The page was written to page.html." in printed
    assert (tmp_path / "page.html").stat().st_size > 50_000


def test_a_page_of_100_000_events_shows_those_in_sight(tmp_path: Path, browser: Chromium) -> None:
    entries = interrupted_once()
    clock = entries[0]["time_ns"]
    entries[5:5] = [
        {"event": "trace", "time_ns": clock + 60_000 * n, "message": f"number {n}"}
        for n in range(100_000)
    ]
    printed = replayed(tmp_path, write_recording(tmp_path / "talk", entries))
    assert "number" not in printed, "what only explains is not printed"
    page = browser.open((tmp_path / "talk" / PAGE).as_uri())
    assert page.wait_for("momentPlaces.length") > 100_000
    assert page.evaluate("document.querySelectorAll('.row').length") < 40
    page.evaluate("document.querySelector('#moments').scrollTop = 1e9")
    page.wait_for("document.querySelector('.row:last-child').textContent.includes('end')")
    page.evaluate("$('filter').value = 'number 77777'; filterMoments()")
    page.wait_for("document.querySelectorAll('.row').length === 1")
    page.click_on(".row")
    place = 77_777 * 60_000 * RATE_HZ / 1e9
    assert page.wait_for("position") == pytest.approx(place, abs=1)
    assert not page.console
