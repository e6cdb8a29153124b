"""A program's own sound: what runs it, and how that ends."""

import asyncio
import threading

from pipeline.api.session_sound import SessionSound
from pipeline.api.sound import SpeakerOutput
from pipeline.api.speaker_port import SpeakerPort
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError


def raise_failure(error: PipelineError) -> None:
    raise error


def test_a_speaker_that_closes_between_two_looks_tells_its_end() -> None:
    port = SpeakerPort(SpeakerOutput())
    ends: list[bool] = []
    port.end.prepare()
    port.end.close()
    port.run(raise_failure, lambda: ends.append(port.end.closed))
    port.end.release()
    assert ends == [True]


def test_a_function_that_does_not_return_does_not_block_the_event_loop() -> None:
    sound = SessionSound(Settings(), None, SpeakerOutput())
    sound.ends.prepare()
    hangs, loop_ran = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.wait()

    async def end() -> None:
        sound.start(raise_failure, hang)
        sound.ends.close()
        asyncio.get_running_loop().call_later(0.05, loop_ran.set)
        await sound.leave()
        assert loop_ran.is_set()

    try:
        asyncio.run(end())
    finally:
        hangs.set()


def test_a_function_can_close_its_own_session() -> None:
    sound = SessionSound(Settings(), None, SpeakerOutput())
    sound.ends.prepare()
    outcome: list[str] = []
    closed = threading.Event()

    def close_session() -> None:
        if outcome:
            return
        try:
            sound.join()
        except RuntimeError as error:
            outcome.append(str(error))
        else:
            outcome.append("closed")
        closed.set()

    sound.start(raise_failure, close_session)
    sound.ends.close()
    closed.wait()
    assert outcome == ["closed"]
