"""The program in a terminal: its panel, its keys, and the terminal that it leaves behind."""

import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.answers import positive
from tests.support.runs import HEARD, SPOKEN
from tests.support.scripted_service import ScriptedService, ScriptedSession, no_script
from tests.support.sound import noise, write_wav

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

from tests.support.terminal import TerminalProgram

COLOURS = re.compile(rb"\x1b\[[0-9;]*\b[34]\d")


def run_in_terminal(
    service: ScriptedService,
    folder: Path,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    columns: int = 80,
    has_keys: bool = True,
) -> TerminalProgram:
    """Start a conversation in which noise is spoken for a minute."""
    spoken = write_wav(folder / SPOKEN, noise(60, -9_000, 9_000, seed=1))
    return TerminalProgram(
        *("run", "--endpoint", service.endpoint, "--input", spoken, "--output", folder / HEARD),
        *arguments,
        cwd=folder,
        environment={"AZURE_VOICELIVE_API_KEY": service.KEY, **(environment or {})},
        columns=columns,
        has_keys=has_keys,
    )


async def answers_typed_turn(session: ScriptedSession) -> None:
    """Answer the first turn that is asked for with ten seconds of sound."""
    await session.wait_for(lambda: session.count("response.create"))
    place = {"response_id": "r1", "item_id": "item_r1"}
    await session.start_answer("r1")
    for number in range(20):
        await session.send("response.audio_transcript.delta", **place, delta=f"word{number} ")
        await session.say("r1", "item_r1", positive(0.5, seed=number).tobytes())


async def accepts_nothing(session: ScriptedSession) -> None:
    session.accept_nothing()


def test_keys_of_a_conversation(tmp_path: Path) -> None:
    with (
        ScriptedService(answers_typed_turn) as service,
        run_in_terminal(service, tmp_path, "--record", tmp_path / "kept") as program,
    ):
        program.wait_panel("listening", "━", "spoken.wav → heard.wav", "round trip", "session 24")
        program.press(" ")
        program.wait_output("Muted: the service hears silence.")
        program.wait_panel("muted", "mic muted")
        heard = service.sessions[0]
        service.call(heard.wait_for(lambda: heard.heard.endswith(bytes(48_000))))
        program.press(" ")
        program.wait_output("The microphone is heard again.")
        service.call(heard.wait_for(lambda: any(heard.heard[-2_400:])))

        program.press("t")
        program.wait_panel("\n>")
        program.press("What tyme\x7f\x7f\x7fime\x1b[D\x1b[C is it?")
        program.wait_panel("> What time is it?")
        program.press("\r")
        program.wait_output("You: What time is it?")
        program.wait_output("Assistant: word0 word1")
        program.wait_panel("speaking")
        program.press("r")
        program.wait_output("Marked.")
        program.press("i")
        program.wait_output("Interrupted after")
        program.wait_panel("listening", "cut ")
        program.press("?")
        program.wait_output("Keys: space mutes the microphone")
        program.press("q")
        assert program.wait_exit() == 0, program.said
        program.wait_output("Goodbye.")
        program.check_restored()
        assert "round trip" not in program.out
        (typed,) = (e for e in heard.received if e["type"] == "conversation.item.create")
        assert typed["item"]["content"][0]["text"] == "What time is it?"
        assert '"marked"' in (tmp_path / "kept" / "events.jsonl").read_text()


def test_keys_while_connecting_and_ctrl_c(tmp_path: Path) -> None:
    with (
        ScriptedService(accepts_nothing) as service,
        run_in_terminal(service, tmp_path, "--connect-timeout-s", 100, columns=40) as program,
    ):
        program.wait_panel("connecting")
        program.press(" ir?tHello\r")
        program.wait_output("Muted: the service hears silence.")
        program.wait_output("There is no answer to interrupt:")
        program.wait_output("Nothing is marked")
        program.wait_output("Keys: space")
        program.wait_output("Said as soon as the conversation begins")
        program.press("tHello")
        program.wait_panel("> Hello")
        program.resize(20, 24)
        program.wait_until(lambda: re.search(r"^. connecting +mut", program.panel, re.MULTILINE))
        program.press("\x03")
        assert program.wait_exit() == 0, program.said
        program.wait_output("Goodbye.")
        program.check_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(tmp_path: Path, number: int) -> None:
    plainer = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    with (
        ScriptedService() as service,
        run_in_terminal(service, tmp_path, environment=plainer) as program,
    ):
        program.wait_panel("listening", "###", "spoken.wav -> heard.wav", "? keys | ")
        assert program.attributes != program.attributes_before
        program.signal(number)
        assert program.wait_exit() == 128 + number
        program.wait_gone()
        program.check_restored()
        assert not COLOURS.search(program.written)


def test_a_terminal_that_takes_nothing_keeps_no_run(tmp_path: Path) -> None:
    with ScriptedService() as service, run_in_terminal(service, tmp_path) as program:
        program.wait_panel("listening", "━")
        program.stop_reading()
        program.signal(signal.SIGQUIT)
        hung = 128 + signal.SIGHUP  # unless the terminal had room for the last words
        assert program.wait_exit() in {hung, 128 + signal.SIGQUIT}
        program.wait_gone()
        program.read_again()
        assert program.attributes == program.attributes_before


def test_an_error_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with ScriptedService() as service:
        service.refusal = web.HTTPUnauthorized
        with run_in_terminal(service, tmp_path) as program:
            assert program.wait_exit() == 2, program.said
            program.check_restored()
            *_, connecting, error, rest = program.out.splitlines()
            assert connecting.startswith("Connecting")
            assert (error + rest).startswith("error: 127.0.0.1:"), program.out


def test_a_closed_terminal_ends_the_run(tmp_path: Path) -> None:
    with ScriptedService() as service, run_in_terminal(service, tmp_path) as program:
        program.wait_panel("listening")
        program.hang_up()
        assert program.wait_exit() == 128 + signal.SIGHUP
        program.wait_gone()


def test_space_is_held_where_the_terminal_tells_releases(tmp_path: Path) -> None:
    with (
        ScriptedService() as service,
        run_in_terminal(service, tmp_path, "--push-to-talk") as program,
    ):
        program.wait_panel("waiting", "space to speak")
        heard = service.sessions[0]
        program.press("\x1b[32;1:1u\x1b[32;1:2u")
        program.wait_panel("listening")
        service.call(heard.wait_for(lambda: len(heard.heard) > 24_000))
        program.press("\x1b[32;1:3u")
        service.call(heard.wait_for(lambda: heard.count("input_audio_buffer.commit") == 1))
        program.press("\x1b[99;5u")  # Ctrl-C, as such a terminal tells it
        assert program.wait_exit() == 0, program.said
        program.check_restored()
        on, off = (program.written.count(code) for code in (b"\x1b[>31u", b"\x1b[<u"))
        assert on == off == 1


@pytest.mark.parametrize(("arguments", "kind"), [((), "dumb"), (("--plain",), "xterm-256color")])
def test_lines_only(tmp_path: Path, arguments: tuple[str, ...], kind: str) -> None:
    plain = {"TERM": kind, "NO_COLOR": "1"}
    with (
        ScriptedService() as service,
        run_in_terminal(service, tmp_path, *arguments, environment=plain) as program,
    ):
        program.wait_output("Ready: speak")
        assert program.attributes == program.attributes_before
        program.press("\x03")
        assert program.wait_exit() == 0, program.said
        assert b"[?25" not in program.written


def test_a_panel_without_keys(tmp_path: Path) -> None:
    with (
        ScriptedService() as service,
        run_in_terminal(service, tmp_path, has_keys=False) as program,
    ):
        program.wait_panel("listening")
        assert program.attributes == program.attributes_before
        assert "keys" not in program.panel
        program.signal(signal.SIGINT)
        assert program.wait_exit() == 0, program.said
        program.check_restored()


def test_push_to_talk_needs_keys(tmp_path: Path) -> None:
    with (
        ScriptedService(no_script) as service,
        run_in_terminal(service, tmp_path, "--push-to-talk", has_keys=False) as program,
    ):
        assert program.wait_exit() == 2
        assert "needs keys to mark your turns" in program.out.replace("\n", "")
