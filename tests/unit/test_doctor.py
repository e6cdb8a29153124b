"""What `check` says about the machine and the service."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from aiohttp import web

from pipeline.config.settings import Settings
from pipeline.doctor import machine
from pipeline.doctor.finding import Finding
from pipeline.doctor.machine import (
    check_card,
    check_ears,
    check_libraries,
    check_python,
    check_shared_memory,
)
from pipeline.doctor.service import check_service, clock_finding
from pipeline.ipc.reports import Device
from pipeline.shm.state import SharedState
from tests.support.scripted_service import Script, ScriptedService, ScriptedSession

WEBCAM = Device(0, "Webcam", "ALSA", 2, 0, 44_100, True, False)
MONITOR = Device(1, "Monitor of Built-in Audio", "ALSA", 2, 0, 44_100, True, False)
HEADSET = Device(2, "Headset", "ALSA", 1, 2, 48_000, False, True)


def test_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_python().state == "fine"
    monkeypatch.setattr(machine, "OLDEST_PYTHON", (sys.version_info[0], sys.version_info[1] + 1))
    assert check_python().state == "wrong"
    assert "expected" in check_python().words


def test_a_missing_library_is_named() -> None:
    assert check_libraries().state == "fine"
    found = check_libraries(["numpy", "no-such-package"])
    assert found == Finding(
        "libraries", "wrong", "not installed: no-such-package. Run `make setup`."
    )


def test_ears_that_are_not_compiled_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "COMPILED", True)
    assert check_ears() == Finding("ears", "fine", "compiled")
    monkeypatch.setattr(machine, "COMPILED", False)
    assert check_ears().state == "advice"
    assert "install a C compiler" in check_ears().words


def test_shared_memory_is_given_back() -> None:
    assert check_shared_memory(Settings()).state == "fine"


def test_refused_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise MemoryError

    monkeypatch.setattr(SharedState, "create", refuse)
    found = check_shared_memory(Settings())
    assert found.state == "wrong"
    assert "the system grants no more memory" in found.words


@pytest.mark.parametrize(
    ("wanted", "devices", "state", "words"),
    [
        (None, [WEBCAM], "fine", "Webcam (ALSA)"),
        ("headset", [WEBCAM, HEADSET], "fine", "Headset (ALSA)"),
        (None, [], "wrong", "none found: connect one, or give --input a .wav file in its place."),
        ("7", [WEBCAM], "wrong", "--input '7' is neither a .wav file nor an input device."),
        (None, [MONITOR], "advice", "records what the loudspeaker plays, not a person"),
    ],
)
def test_cards(wanted: str | None, devices: Sequence[Device], state: str, words: str) -> None:
    found = check_card(wanted, "input", devices)
    assert (found.name, found.state) == ("microphone", state)
    assert words in found.words


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        ("Thu, 01 Jan 2026 12:00:20 GMT", "fine", "within 60 s"),
        ("Thu, 01 Jan 2026 11:50:00 GMT", "advice", "600 s fast"),
        ("Thu, 01 Jan 2026 12:10:00 GMT", "advice", "600 s slow"),
        ("", "fine", "not compared"),
        ("soon", "fine", "not compared"),
        ("Thu, 01 Jan 2026 12:00:20 -0000", "fine", "not compared"),
    ],
)
def test_clocks(told: str, state: str, words: str) -> None:
    found = clock_finding(told, NOW)
    assert found.state == state
    assert words in found.words


def service_findings(endpoint: str, key: str = ScriptedService.KEY) -> list[Finding]:
    async def collect() -> list[Finding]:
        settings = Settings(endpoint=endpoint, api_key=key)
        return [finding async for finding in check_service(settings)]

    return asyncio.run(collect())


async def answers(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.start_answer("r1")
    await session.say("r1", "i1", bytes(480))


async def refuses_to_answer(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.start_answer("r1")
    await session.end_answer("r1", "i1", status="failed")


async def reports_an_error(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.send("error", error={"type": "server_error", "message": "No quota."})


async def leaves(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.close(1_011)


def test_a_service_that_answers() -> None:
    with ScriptedService(answers) as service:
        findings = service_findings(service.endpoint)
        assert service.sessions[0].count("conversation.item.create") == 1
    assert [each.name for each in findings] == [
        *("DNS", "TLS", "clock", "key", "handshake", "first answer")
    ]
    assert {each.state for each in findings} == {"fine"}, findings


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (refuses_to_answer, "the service ended it without a word (status failed)"),
        (reports_an_error, "the service says: No quota."),
        (leaves, "The service closed the connection"),
    ],
)
def test_a_service_that_does_not_answer(script: Script, words: str) -> None:
    with ScriptedService(script) as service:
        *_, handshake, last = service_findings(service.endpoint)
    assert (handshake.name, handshake.state) == ("handshake", "fine")
    assert (last.name, last.state) == ("first answer", "wrong")
    assert words in last.words


def test_a_wrong_key() -> None:
    with ScriptedService() as service:
        last = service_findings(service.endpoint, "wrong")[-1]
    assert (last.name, last.state) == ("key", "wrong")
    assert "refused the sign-in (HTTP 401)" in last.words
    assert "wrong" not in last.words


def test_an_endpoint_that_is_not_voice_live() -> None:
    with ScriptedService() as service:
        service.refusal = web.HTTPNotFound
        last = service_findings(service.endpoint)[-1]
    assert (last.name, last.state) == ("handshake", "wrong")
    assert "answered HTTP 404" in last.words


def test_a_host_that_does_not_exist() -> None:
    (only,) = service_findings("https://no-such-host.invalid")
    assert (only.name, only.state) == ("DNS", "wrong")
    assert "check the endpoint's spelling" in only.words


def test_tls_where_the_endpoint_speaks_none() -> None:
    with ScriptedService() as service:
        last = service_findings(service.endpoint.replace("http:", "https:"))[-1]
    assert (last.name, last.state) == ("TLS", "wrong")


def test_the_findings_hold_no_key() -> None:
    with ScriptedService(answers) as service:
        assert ScriptedService.KEY not in str(service_findings(service.endpoint))
