"""`serve` as a person runs it."""

import asyncio
import re
import socket
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import pytest
from azure.ai.voicelive.aio import connect
from azure.core.credentials import AzureKeyCredential
from yarl import URL

from tests.support.program import Program


def printed(program: Program, name: str) -> str:
    program.wait_output("Ctrl-C ends the service.")
    found = re.search(rf"^{name}\s+(\S+)$", program.out, re.MULTILINE)
    assert found, program.said
    return found[1]


def said(program: Program, pattern: str) -> bool:
    return re.search(pattern, program.out) is not None


async def greeting(endpoint: str, key: str) -> str:
    async with connect(
        endpoint=endpoint, credential=AzureKeyCredential(key), model="gpt-realtime"
    ) as connection:
        return str((await connection.recv())["type"])


async def leave(program: Program, endpoint: str, key: str) -> None:
    """End the service while a client is under way."""
    async with connect(
        endpoint=endpoint, credential=AzureKeyCredential(key), model="m"
    ) as connection:
        await connection.recv()
        program.interrupt()
        assert [event async for event in connection] == []


def test_what_it_prints_is_all_that_a_client_needs_and_none_keeps_it(tmp_path: Path) -> None:
    with Program("serve", cwd=tmp_path) as program:
        endpoint, key = printed(program, "endpoint"), printed(program, "key")
        assert asyncio.run(greeting(endpoint, key)) == "session.created"
        assert endpoint.startswith("http://127.0.0.1:")
        with pytest.raises(Exception, match="401"):
            asyncio.run(greeting(endpoint, "wrong"))
        for told in (
            r"client 1 came from 127\.0\.0\.1:\d+, for gpt-realtime",
            r"client 1 is ready, \d+\.\d\d s after it came",
            r"client 1 has gone after \d+\.\d s and 0 answer\(s\)",
            r"client 2 from 127\.0\.0\.1:\d+ was refused \(HTTP 401\): The key is wrong",
        ):
            program.wait_until(partial(said, program, told))
        asyncio.run(leave(program, endpoint, key))
        assert program.wait_exit() == 130
        assert "Traceback" not in program.said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--host 0.0.0.0", "--host 0.0.0.0 can be reached from other machines"),
        ("--host ::", "choose a key with OFFLINE_KEY, --key-file or --key"),
        ("--host 0.0.0.0 --key k --accept-any-token", "would admit every client"),
        ("--host no.such.host.invalid --key k", "no.such.host.invalid"),
        ("--key=", "--key is empty"),
        ("--key=schlüssel", "--key holds a character"),
        ("--key-file none.txt", "--key-file none.txt cannot be read: No such file"),
        ("--key k --key-file none.txt", "both given"),
        ("--reply-url localhost", "--reply-url is not an address"),
        ("--reply-url http://user:secret@localhost/v1", "--reply-url has a user name"),
        ("--session-limit-s soon", "--session-limit-s is 'soon'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, arguments: str, told: str) -> None:
    with Program("serve", *arguments.split(), cwd=tmp_path) as program:
        assert program.wait_exit() == 2
        assert program.out == ""
        assert program.err.startswith("error: ")
        assert program.err.count("\n") == 1
        assert told in program.err
        assert "secret" not in program.err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits a process")
def test_without_descriptors_it_says_so_in_one_line_and_goes_on(tmp_path: Path) -> None:
    """The key that it was given is not shown."""
    with Program("serve", cwd=tmp_path, environment={"OFFLINE_KEY": "s3cret"}) as program:
        endpoint = URL(printed(program, "endpoint"))
        assert "key       the one that was given" in program.out
        address = (endpoint.host or "", endpoint.port or 0)
        process = psutil.Process(program.pid)
        most = process.num_fds() + 4
        process.rlimit(psutil.RLIMIT_NOFILE, (most, most))
        for _ in range(2):
            with ExitStack() as crowd:
                for _ in range(8):
                    crowd.enter_context(socket.create_connection(address))
                program.wait_until(lambda: "New clients have to wait" in program.err)
            assert asyncio.run(greeting(str(endpoint), "s3cret")) == "session.created"
        assert program.err.count("\n") == 1
        program.interrupt()
        assert program.wait_exit() == 130
        assert "s3cret" not in program.said


def test_it_serves_without_standard_streams(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("serve", "--port", port, "--key", "k")
    with Program(*arguments, cwd=tmp_path, first="exec <&- >&- 2>&-") as program:
        program.wait_until(lambda: answers(port) or not program.running)
        assert asyncio.run(greeting(f"http://127.0.0.1:{port}", "k")) == "session.created"
        program.interrupt()
        assert program.wait_exit() == 130


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
