"""A service that is silent, busy, stalled or refuses: every wait has a limit, and says why."""

import asyncio
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from pipeline.bench import events
from tests.support.answers import answer, negative, positive, user_turn
from tests.support.at_once import Held, by_name
from tests.support.blackhole import Blackhole
from tests.support.hearing import end_when_heard
from tests.support.measured import show_measured
from tests.support.program import GENEROUS_S, Program
from tests.support.raw_service import (
    RawService,
    begin_session,
    created,
    read_to_the_end,
    upgraded,
    wait_event,
)
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise, read_wav, write_wav

BROKEN_OFF, USAGE = 1, 2
SPOKEN = noise(1, -9, 9, seed=1)
ANSWER = positive(0.5, seed=2)


def talk(folder: Path, endpoint: str, *more: object, said: Samples = SPOKEN) -> Program:
    spoken = write_wav(folder / "spoken.wav", said)
    return Program(
        *("run", "--endpoint", endpoint, "--input", spoken, "--output", folder / "heard.wav"),
        *more,
        cwd=folder,
        environment={"AZURE_VOICELIVE_API_KEY": RawService.KEY},
    )


async def busy(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, headers={"Retry-After": "1"})


async def open_no_session(request: web.Request) -> web.StreamResponse:
    return await read_to_the_end(await upgraded(request))


async def accept_no_settings(request: web.Request) -> web.StreamResponse:
    return await read_to_the_end(await upgraded(request, created()))


async def close_in_error(request: web.Request) -> web.StreamResponse:
    socket = await begin_session(request)
    await socket.close(code=1011, message=b"Out of memory.")
    return socket


async def refuse(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=403)


async def answer_once(request: web.Request) -> web.StreamResponse:
    socket = await begin_session(request)
    await wait_event(socket, "input_audio_buffer.append")
    for text in (
        events.response_created("r1"),
        events.audio_delta("r1", "item_1", ANSWER.tobytes()),
        events.audio_done("r1", "item_1"),
        events.response_done("r1", "completed"),
    ):
        await socket.send_str(text)
    return await read_to_the_end(socket)


def every_stage_of_every_session_has_a_limit(folder: Path) -> None:
    stages = (busy, close_in_error, busy, open_no_session, accept_no_settings, answer_once)
    with RawService(*stages) as service:
        with talk(folder, service.endpoint, "--connect-timeout-s", 1) as program:
            end_when_heard(program, folder / "heard.wav", ANSWER)
            assert not program.err
            program.wait_gone()
            said = program.out
        assert service.connections == len(stages)
    sentences = (
        "is busy and opens no more sessions at the moment (HTTP 503). Trying again in 1 s.",
        'an internal error (close code 1011). It says: "Out of memory". Trying again.',
        "is busy",
        "took the connection, but opened no session within 1 s",
        "opened a session, but did not accept its settings within 1 s",
    )
    at = 0
    for sentence in sentences:
        assert sentence in said[at:], said
        at = said.index(sentence, at) + 1
    heard = read_wav(folder / "heard.wav")
    assert np.array_equal(heard[heard != 0], ANSWER)


def test_a_socket_that_opens_and_says_nothing_ends_the_first_session(tmp_path: Path) -> None:
    with (
        RawService(open_no_session) as service,
        talk(tmp_path, service.endpoint, "--connect-timeout-s", 0.3) as program,
    ):
        assert program.wait_exit() == USAGE, program.said
        assert "opened no session within 0.3 s" in program.err


def test_a_key_that_is_refused_later_is_not_tried_again(tmp_path: Path) -> None:
    with RawService(close_in_error, refuse) as service:
        with talk(tmp_path, service.endpoint) as program:
            assert program.wait_exit() == BROKEN_OFF, program.said
            assert "refused the sign-in (HTTP 403)" in program.err
        assert service.connections == 2


def a_stalled_link_is_noticed_and_replaced(folder: Path) -> None:
    first, second = positive(0.5, seed=3), negative(0.5, seed=4)

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        if session is not service.sessions[0]:
            times_s.append(time.monotonic())
            await answer(session, "second", second)
            await session.end_answer("second", "item_second")
            return
        await answer(session, "first", first)
        await session.end_answer("first", "item_first")
        await asyncio.sleep(0.5)  # it has passed
        times_s.append(time.monotonic())
        network.swallow()

    times_s: list[float] = []
    with (
        ScriptedService(script) as service,
        Blackhole(service.endpoint) as network,
        talk(folder, network.endpoint, said=noise(6, -9, 9, seed=1)) as program,
    ):
        end_when_heard(program, folder / "heard.wav", np.concatenate((first, second)))
        assert "The connection to the service has stalled" in program.out
        program.wait_gone()
    show_measured(f"the conversation went on {times_s[1] - times_s[0]:.2f} s after the stall")
    heard = read_wav(folder / "heard.wav")
    assert np.array_equal(heard[heard != 0], np.concatenate((first, second)))


def an_answer_that_is_refused_is_asked_for_one_at_a_time(folder: Path) -> None:
    refusals = 3
    error = {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": "Conversation already has an active response.",
    }

    def asked(session: ScriptedSession, before: int) -> bool:
        return session.count("response.create") > before

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        if session is service.sessions[0]:
            await user_turn(session, "u1", "What is the time?")
            await session.close()
            return
        for refused in range(refusals):
            await session.wait_for(partial(asked, session, refused))
            await asyncio.sleep(0.2)
            assert session.count("response.create") == refused + 1
            request = session.received[-1]
            await session.send("error", error={**error, "event_id": request["event_id"]})
        await session.wait_for(partial(asked, session, refusals))
        await answer(session, "second", ANSWER)
        await session.end_answer("second", "item_second")

    with ScriptedService(script) as service, talk(folder, service.endpoint) as program:
        end_when_heard(program, folder / "heard.wav", ANSWER)
        assert "already" not in program.out
        program.wait_gone()
    assert service.sessions[1].count("response.create") == refusals + 1
    heard = read_wav(folder / "heard.wav")
    assert np.array_equal(heard[heard != 0], ANSWER)


def a_silent_service_is_told_once_and_an_unanswered_question_has_an_exit_code(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await user_turn(session, "u1", "What is the time?")
        await asyncio.to_thread(silence_told.wait, GENEROUS_S)
        await session.start_answer("r1")
        await session.end_answer("r1", "item_r1", "failed")

    silence_told = threading.Event()
    with ScriptedService(script) as service, talk(folder, service.endpoint) as program:
        program.wait_output("The service has said nothing for 10 s")
        silence_told.set()
        assert program.wait_exit() == BROKEN_OFF, program.said
        assert program.out.count("The service has said nothing for 10 s") == 1
        assert program.err == "error: The service did not answer all that was said.\n"


def short_sessions_that_answer_are_never_given_up(folder: Path) -> None:
    """Together they last longer than it is tried to reconnect."""

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        name = f"answer_{len(service.sessions)}"
        await answer(session, name, ANSWER[: RATE_HZ // 20])
        await session.end_answer(name, f"item_{name}")
        if len(service.sessions) < 8:
            await asyncio.sleep(0.4)
            await session.close()

    said = noise(2, -9, 9, seed=1)
    with (
        ScriptedService(script) as service,
        talk(folder, service.endpoint, "--reconnect-s", 1, said=said) as program,
    ):
        end_when_heard(program, folder / "heard.wav", np.tile(ANSWER[: RATE_HZ // 20], 8))
        assert len(service.sessions) == 8


def sessions_that_do_nothing_are_given_up(folder: Path) -> None:
    with (
        RawService(close_in_error) as service,
        talk(folder, service.endpoint, "--reconnect-s", 1) as program,
    ):
        assert program.wait_exit() == BROKEN_OFF, program.said
        assert "internal error" in program.err
        assert "Connecting was tried for 1 s." in program.err
        assert service.connections > 2


CHECKS = by_name(
    a_silent_service_is_told_once_and_an_unanswered_question_has_an_exit_code,
    every_stage_of_every_session_has_a_limit,
    a_stalled_link_is_noticed_and_replaced,
    short_sessions_that_answer_are_never_given_up,
    an_answer_that_is_refused_is_asked_for_one_at_a_time,
    sessions_that_do_nothing_are_given_up,
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_wait(held: Held, name: str) -> None:
    held.look(name)
