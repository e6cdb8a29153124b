"""What can be given wrongly, and what the other side can do wrongly: one sentence and a code."""

import asyncio
import socket
from pathlib import Path

import numpy as np
import pytest

from tests.support.hearing import end_when_heard, wait_sounding
from tests.support.leaving import WAYS_TO_LEAVE, Leave, abort, expire
from tests.support.program import Program
from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav, write_wav

USAGE, BROKEN_OFF = 2, 1
KEY = "a-secret-that-nobody-may-see"


def run(folder: Path, *arguments: object, key: str = KEY) -> tuple[int, str]:
    """Exit code and the one sentence on standard error."""
    with Program(
        "run", *arguments, cwd=folder, environment={"AZURE_VOICELIVE_API_KEY": key}
    ) as program:
        code = program.wait_exit()
        program.wait_gone()
        assert key not in program.said
        assert "Traceback" not in program.said
        lines = program.err.splitlines()
        assert len(lines) == 1, program.said
        return code, lines[0]


def run_with_files(folder: Path, endpoint: str, *more: object, key: str = KEY) -> tuple[int, str]:
    spoken = write_wav(folder / "spoken.wav", noise(1, -9, 9, seed=1))
    files = ("--input", spoken, "--output", folder / "heard.wav")
    return run(folder, "--endpoint", endpoint, *files, *more, key=key)


NO_ENDPOINT = "http://127.0.0.1:9"  # never spoken to: the input is checked first


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.wav", None, "missing.wav does not exist"),
        ("empty.wav", b"", "empty.wav cannot be read as a WAV file"),
        ("text.wav", b"This is no sound.\n" * 100, "text.wav cannot be read as a WAV file"),
        ("cut.wav", b"RIFF\xff\xff\0\0WAVEfmt ", "cut.wav cannot be read as a WAV file"),
    ],
)
def test_bad_input_file(name: str, content: bytes | None, sentence: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, said = run(tmp_path, "--endpoint", NO_ENDPOINT, "--input", name)
    assert (code, sentence in said) == (USAGE, True), said


def test_input_file_without_a_sample(tmp_path: Path) -> None:
    write_wav(tmp_path / "silent.wav", np.zeros(0, np.int16))
    code, said = run(tmp_path, "--endpoint", NO_ENDPOINT, "--input", "silent.wav")
    assert (code, "holds no sound" in said) == (USAGE, True), said


def test_output_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    output = "no/such/folder/heard.wav"
    code, said = run(tmp_path, "--endpoint", NO_ENDPOINT, "--output", output)
    assert (code, f"{output} cannot be written" in said) == (USAGE, True), said


@pytest.mark.parametrize("direction", ["input", "output"])
def test_unknown_device(direction: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, "--endpoint", NO_ENDPOINT, f"--{direction}", "a violin")
    assert code == USAGE
    assert f"--{direction} 'a violin' is neither a .wav file nor an {direction} device" in said
    assert f"There are no {direction} devices." in said


@pytest.mark.parametrize(
    "endpoint",
    [
        "example.com",
        "ftp://example.com",
        "https://",
        "https://a b.c",
        "https://x:99999",
        "https://x?k=v",
    ],
)
def test_malformed_endpoint(endpoint: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, "--endpoint", endpoint)
    assert (code, "--endpoint" in said) == (USAGE, True), said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--vioce", "alloy"],
        ["--turn-detection", "server_vat"],
        ["--vad-threshold", "loud"],
        ["--period-ms", "0"],
    ],
)
def test_bad_flag(arguments: list[str], tmp_path: Path) -> None:
    code, said = run(tmp_path, *arguments)
    assert (code, arguments[0] in said) == (USAGE, True), said


def test_wrong_key(tmp_path: Path) -> None:
    with ScriptedService(say_nothing) as service:
        code, said = run_with_files(tmp_path, service.endpoint)
    assert (code, "HTTP 401" in said) == (USAGE, True), said


def test_not_found(tmp_path: Path) -> None:
    with ScriptedService(say_nothing) as service:
        code, said = run_with_files(tmp_path, f"{service.endpoint}/elsewhere", key=service.KEY)
    assert (code, "HTTP 404" in said) == (USAGE, True), said


def test_closed_port(tmp_path: Path) -> None:
    with socket.socket() as bound:  # to nobody who listens
        bound.bind(("127.0.0.1", 0))
        code, said = run_with_files(tmp_path, f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert (code, "cannot be reached" in said) == (USAGE, True), said


def test_unknown_host(tmp_path: Path) -> None:
    code, said = run_with_files(tmp_path, "https://no-such-host.invalid")
    assert (code, "no-such-host.invalid cannot be reached" in said) == (USAGE, True), said


def test_host_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code, said = run_with_files(tmp_path, endpoint, "--connect-timeout-s", 0.3)
    assert (code, "did not answer within 0.3 s" in said) == (USAGE, True), said


def test_host_that_does_not_speak_http(tmp_path: Path) -> None:
    async def answer_garbage() -> tuple[int, str]:
        async def garbage(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        server = await asyncio.start_server(garbage, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.to_thread(run_with_files, tmp_path, f"http://127.0.0.1:{port}")

    code, said = asyncio.run(answer_garbage())
    assert code == USAGE, said


def test_error_before_the_session_is_ready(tmp_path: Path) -> None:
    async def refuse(session: ScriptedSession) -> None:
        await session.send(
            "error",
            error={"type": "invalid_request_error", "code": "DeploymentNotFound", "message": "No."},
        )

    with ScriptedService(refuse) as service:
        code, said = run_with_files(tmp_path, service.endpoint, key=service.KEY)
    assert (code, "DeploymentNotFound" in said) == (USAGE, True), said


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
def test_service_leaves_in_the_middle(leave: Leave, tmp_path: Path) -> None:
    said = noise(5, 1, 20_000, seed=2)

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await session.start_answer("answer")
        await session.say("answer", "item", said.tobytes())
        await wait_sounding(tmp_path / "heard.wav")
        await leave(session)

    with ScriptedService(script) as service:
        code, sentence = run_with_files(
            tmp_path, service.endpoint, "--reconnect-s", "0", key=service.KEY
        )
    why = (
        "connection to the service broke off" if leave is abort else "service closed the connection"
    )
    assert (code, why in sentence) == (BROKEN_OFF, True), sentence
    recorded = read_wav(tmp_path / "heard.wav")
    assert recorded.any()


GARBAGE: list[str | bytes] = [
    "no JSON",
    "[]",
    "42",
    "null",
    "{}",
    b"\x00\xff",
    '{"type": "something.new"}',
    '{"type": "error"}',
    '{"type": "response.audio.delta"}',
    '{"type": "response.audio.delta", "response_id": "answer", "item_id": "item", "delta": "!"}',
    '{"type": "response.created"}',
    '{"type": "response.done"}',
]


def test_garbage_does_not_end_the_conversation(tmp_path: Path) -> None:
    said = noise(0.1 * len(GARBAGE), 1, 20_000, seed=2)

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await session.start_answer("answer")
        for frame, part in zip(GARBAGE, np.split(said, len(GARBAGE)), strict=True):
            await session.send_raw(frame)
            await session.say("answer", "item", part.tobytes())
        await session.end_answer("answer", "item")

    with (
        ScriptedService(script) as service,
        run_on_files(service, tmp_path, noise(0.2, -9, 9, seed=1)) as program,
    ):
        end_when_heard(program, tmp_path / "heard.wav", said)
        assert not program.err
        assert "The service sent something unreadable" in program.out
    recorded = read_wav(tmp_path / "heard.wav")
    assert np.array_equal(recorded[recorded != 0], said)


def test_the_key_is_nowhere_to_be_seen(tmp_path: Path) -> None:
    with (
        ScriptedService(expire) as service,
        run_on_files(service, tmp_path, noise(0.2, -9, 9, seed=1), "--verbose") as program,
    ):
        program.wait_output("Connecting")
        commands = [" ".join(process.cmdline()) for process in program.members()]
        program.wait_exit()
        assert len(commands) > 1
        assert not [command for command in commands if service.KEY in command]
        assert service.KEY not in program.said


async def say_nothing(_session: ScriptedSession) -> None:
    return
