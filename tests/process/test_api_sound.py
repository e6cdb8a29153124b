"""The library: programs that are their own sound cards, over real processes and sockets."""

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest

from pipeline import (
    BlockingVoiceSession,
    Event,
    Finished,
    Interrupted,
    Levels,
    MicrophoneInput,
    Notice,
    Ready,
    SessionError,
    Settings,
    SoundBlock,
    SoundDrop,
    SoundError,
    SoundFormat,
    SpeakerOutput,
    VoiceSession,
)
from tests.support.answers import answer, end_cancelled, positive, user_turn
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples, noise
from tests.support.voice_processes import is_ready_spare, voice_processes_of

WITHIN_S = 60.0
ANSWER = positive(1.0, seed=3)
STEREO_48_KHZ = SoundFormat(48_000, 2)


def own(service: ScriptedService) -> Settings:
    return Settings(endpoint=service.endpoint, api_key=service.KEY)


def run(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, WITHIN_S))


def blocks_of(samples: Samples, size: int) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


async def answers_one_turn(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard_ms >= 1_500)
    await user_turn(session, "u1", "Hello?")
    await answer(session, "r1", ANSWER)
    await session.end_answer("r1", "item_r1")


def test_every_sample_passes_both_ways_once() -> None:
    spoken = noise(2.0, 1_000, 9_000, seed=1)
    given: list[SoundBlock | SoundDrop] = []

    async def microphone() -> AsyncIterator[bytes]:
        for number, block in enumerate(blocks_of(spoken, 777)):
            yield block.tobytes()
            if number % 10 == 0:
                await asyncio.sleep(0.02)

    async def converse(service: ScriptedService) -> None:
        async with VoiceSession(
            own(service),
            microphone=MicrophoneInput(microphone()),
            speaker=SpeakerOutput(given.append),
            levels=True,
        ) as session:
            events = [event async for event in session]
        kinds = [type(event) for event in events]
        assert kinds[-1] is Finished
        assert Ready in kinds
        levels = [event for event in events if isinstance(event, Levels)]
        for part, peak, rms in (("microphone", -11.2, -15.0), ("speaker", -4.3, -6.6)):
            heard = [getattr(event, part) for event in levels]
            assert max(heard).peak_dbfs == pytest.approx(peak, abs=0.2)
            # Over times that a busy machine shifts against the sound.
            assert max(loudness.rms_dbfs for loudness in heard) == pytest.approx(rms, abs=5.0)
            assert min(heard) == (-100.0, -100.0)
        assert session.levels == levels[-1]
        assert session.metrics.lost_ms == 0

    with ScriptedService(answers_one_turn) as service:
        run(converse(service))
        arrived = np.frombuffer(service.sessions[0].heard, np.int16)
    assert np.array_equal(arrived[: len(spoken)], spoken)
    assert not arrived[len(spoken) :].any(), "only silence may follow"
    blocks = [item for item in given if isinstance(item, SoundBlock)]
    assert len(blocks) == len(given)
    assert np.array_equal(np.concatenate([block.samples[:, 0] for block in blocks]), ANSWER)
    assert [block.position for block in blocks] == [0, *(block.end for block in blocks[:-1])]
    assert {block.answer for block in blocks} == {1}


async def answers_each_message(session: ScriptedSession) -> None:
    number = 0
    while True:
        number += 1
        await session.wait_for(lambda: session.count("response.create") >= number)  # noqa: B023
        await answer(session, f"r{number}", ANSWER)
        await session.end_answer(f"r{number}", f"item_r{number}")


async def wait_for(session: VoiceSession, kind: type[Event]) -> Event:
    async for event in session:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def take(session: VoiceSession, samples: int) -> list[SoundBlock]:
    """Take blocks of an answer, as many as hold `samples`."""
    taken: list[SoundBlock] = []
    while sum(map(len, taken)) < samples:
        block = await anext(session.speaker)
        assert isinstance(block, SoundBlock)
        taken.append(block)
    return taken


def test_a_program_asks_for_samples_says_what_was_heard_and_is_told_what_to_drop() -> None:
    async def silence(samples: int) -> np.ndarray[Any, np.dtype[np.int16]]:
        return np.zeros((samples, 2), np.int16)

    async def converse(service: ScriptedService) -> None:
        async with VoiceSession(
            own(service),
            microphone=MicrophoneInput(silence, STEREO_48_KHZ),
            speaker=SpeakerOutput(format=STEREO_48_KHZ, paced_by="caller", heard="confirmed"),
        ) as session:
            session.say("One.")
            session.speaker.request(24_000)
            blocks = await take(session, 24_000)
            assert sum(map(len, blocks)) == 24_000 == blocks[-1].end
            assert blocks[0].samples.shape[1] == 2
            assert np.array_equal(blocks[0].samples[:, 0], blocks[0].samples[:, 1])
            with pytest.raises(SoundError, match="sample 24001 of answer 1, expected a place up"):
                session.speaker.heard_until(1, 24_001)
            session.speaker.heard_until(1, 9_600)
            while session.heard != (1, 4_800):  # noqa: ASYNC110 - it is read from shared memory
                await asyncio.sleep(0.005)
            session.interrupt()
            drop = await anext(session.speaker)
            assert drop == SoundDrop(1, 9_600)
            assert [drop.concerns(block) for block in blocks] == [
                block.end > 9_600 for block in blocks
            ]
            session.speaker.heard_until(1, 24_000)  # too late: it counts no more
            cut = await wait_for(session, Interrupted)
            assert isinstance(cut, Interrupted)
            assert cut.heard_ms == 200
            session.say("Two.")
            session.speaker.request(100_000)
            whole = await take(session, 2 * len(ANSWER))
            assert {block.answer for block in whole} == {2}
            session.speaker.heard_until(2, whole[-1].end)
            while session.heard != (2, len(ANSWER)):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
            await wait_for(session, Ready)

    with ScriptedService(answers_each_message) as service:
        run(converse(service))
        truncations = [
            event["audio_end_ms"]
            for event in service.sessions[0].received
            if event["type"] == "conversation.item.truncate"
        ]
    assert truncations == [200]


def test_a_blocking_program_hears_a_cut_and_its_failure_ends_the_session() -> None:
    fail = threading.Event()
    spoken = noise(0.2, 1_000, 9_000, seed=1)[:1_600]
    calls = iter(blocks_of(spoken, 160))

    def microphone(samples: int) -> bytes:
        assert samples == 160
        if fail.is_set():
            raise OSError("the line is dead")
        return next(calls, spoken[:0]).tobytes()

    with ScriptedService(answers_each_message) as service:
        eight_khz = SoundFormat(8_000)
        with BlockingVoiceSession(
            own(service),
            microphone=MicrophoneInput(microphone, eight_khz),
            speaker=SpeakerOutput(format=eight_khz),
        ) as session:
            session.say("Hello?")
            given: list[SoundBlock] = []
            for item in session.speaker:
                if isinstance(item, SoundDrop):
                    assert item.answer == 1
                    break
                given.append(item)
                if len(given) == 20:
                    session.interrupt()
            assert [block.position for block in given] == [0, *(b.end for b in given[:-1])]
            assert given[-1].end <= item.position <= given[-1].end + 16 + 1, "the fade follows"
            fail.set()
            with pytest.raises(SoundError, match=r"microphone failed \(OSError: the line is dead"):
                list(session)
        (heard,) = service.sessions
        assert len(np.frombuffer(heard.heard, np.int16)) <= 3 * len(spoken)


def test_sound_that_cannot_be_used_is_said_and_functions_that_hang_hold_up_nothing() -> None:
    release = threading.Event()

    def hang(_: object) -> bytes:
        release.wait()
        return b""

    with ScriptedService(answers_each_message) as service:
        with BlockingVoiceSession(
            own(service), microphone=MicrophoneInput(hang), speaker=SpeakerOutput(hang)
        ) as session:
            session.say("Hello?")
            for event in session:
                if isinstance(event, Ready):
                    break
            assert session.heard == (1, len(ANSWER)), "the clock goes on"
        release.set()
        with (
            pytest.raises(SoundError, match="gave 3 bytes, expected PCM16 of 1 channel"),
            BlockingVoiceSession(
                own(service),
                microphone=MicrophoneInput([b"abc"]),
                speaker=SpeakerOutput(lambda _: None),
            ) as session,
        ):
            list(session)


def test_what_cannot_be_a_card_is_refused_before_anything_starts() -> None:
    async def later(_: object) -> None: ...

    refused: dict[str, Callable[[], object]] = {
        "The microphone is bytes, expected a function": lambda: MicrophoneInput(b"abc"),  # type: ignore[arg-type]
        "The speaker is int, expected a function": lambda: SpeakerOutput(3),  # type: ignore[arg-type]
        "rate_hz is 100, expected": lambda: SoundFormat(100),
        "channels is '2', expected": lambda: SoundFormat(channels="2"),  # type: ignore[arg-type]
        "paced_by is 'me', expected": lambda: SpeakerOutput(paced_by="me"),  # type: ignore[arg-type]
        "The microphone is function, expected Micro": lambda: VoiceSession(microphone=later),  # type: ignore[arg-type]
        "--output names a.wav, and": lambda: VoiceSession(
            Settings(output="a.wav"), speaker=SpeakerOutput()
        ),
        "The speaker is asynchronous, expected": lambda: BlockingVoiceSession(
            speaker=SpeakerOutput(later)
        ),
        "plays on a card": lambda: VoiceSession().speaker,
        "paced by the clock": lambda: VoiceSession(speaker=SpeakerOutput()).speaker.request(1),
        "confirms nothing": lambda: VoiceSession(speaker=SpeakerOutput()).speaker.heard_until(1, 1),
    }
    for sentence, use in refused.items():
        with pytest.raises(SoundError, match=re.escape(sentence)):
            use()
    with pytest.raises(SessionError, match="expected one whose turns the program marks"):
        VoiceSession().begin_turn()


@pytest.mark.parametrize(
    ("pcm", "sentence"),
    [
        (b"abcde", "The microphone gave 5 bytes, expected PCM16 of 2 channel(s)"),
        ("abcd", "gave str, expected"),
        (np.zeros(4), "gave an array of float64, shape (4,), expected"),
        (np.zeros((4, 3), np.int16), "gave an array of int16, shape (4, 3), expected"),
        (np.zeros(3, np.int16), "shape (3,), expected"),
    ],
)
def test_pcm_of_another_format_is_refused(pcm: object, sentence: str) -> None:
    with pytest.raises(SoundError, match=re.escape(sentence)):
        SoundFormat(channels=2).mono(pcm, "The microphone")


def test_channels_are_mixed() -> None:
    stereo = np.array([[1, 3], [-4, -8], [32_767, 32_767]], np.int16)
    for pcm in (stereo, stereo.reshape(-1), stereo.tobytes(), bytearray(stereo.tobytes())):
        assert SoundFormat(channels=2).mono(pcm, "").tolist() == [2, -6, 32_767]


CODED = noise(60.0, 1_000, 20_000, seed=7)


def coded() -> Callable[[int], Samples]:
    """Return a microphone in which no two stretches are alike."""
    parts = blocks_of(CODED, 480)
    return lambda _: next(parts)


async def answers_marked_turns(session: ScriptedSession) -> None:
    """Take each turn, and answer it when that is asked for."""
    number = 0
    while True:
        number += 1
        await session.wait_for(lambda: session.count("input_audio_buffer.commit") >= number)  # noqa: B023
        await session.send("input_audio_buffer.committed", item_id=f"u{number}")
        await session.wait_for(lambda: session.count("response.create") >= number)  # noqa: B023
        await answer(session, f"r{number}", ANSWER)
        if number == 1:
            await session.wait_for(lambda: session.count("response.cancel"))
            await end_cancelled(session, "r1")
        else:
            await session.end_answer(f"r{number}", f"item_r{number}")


def place_of(stretch: Samples) -> int:
    """Return where a stretch of the coded microphone begins."""
    starts = np.flatnonzero(CODED[: len(CODED) - len(stretch)] == stretch[0])
    (place,) = (s for s in starts if np.array_equal(CODED[s : s + len(stretch)], stretch))
    return int(place)


def turns_of(session: ScriptedSession) -> list[Samples]:
    """Return what the service heard up to each commit."""
    heard = np.frombuffer(session.heard, np.int16)
    ends = [event["heard_bytes"] // 2 for event in session.received if "heard_bytes" in event]
    return [heard[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def test_only_the_turns_that_a_program_marks_leave_and_a_new_one_interrupts() -> None:
    given: list[SoundBlock | SoundDrop] = []

    async def turn(session: VoiceSession, samples: int) -> None:
        session.begin_turn()
        enough = session.metrics.sent_ms + samples // 24
        while session.metrics.sent_ms < enough:  # noqa: ASYNC110 - it is read from shared memory
            await asyncio.sleep(0.005)
        session.end_turn()

    async def converse(service: ScriptedService) -> None:
        settings = replace(own(service), turn_detection="none")
        async with VoiceSession(
            settings, microphone=MicrophoneInput(coded()), speaker=SpeakerOutput(given.append)
        ) as session:
            await session.wait_open()
            while session.metrics.captured_ms < 1_000:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
            await turn(session, 7_200)
            while len(given) < 20:  # noqa: ASYNC110 - the thread of the session fills it
                await asyncio.sleep(0.005)
            await turn(session, 7_200)
            while session.heard != (2, len(ANSWER)):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
            session.begin_turn()
            session.end_turn()
            async for event in session:
                if isinstance(event, Notice):
                    assert "shorter than 100 ms" in event.message
                    break

    with ScriptedService(answers_marked_turns) as service:
        run(converse(service))
        (heard,) = service.sessions
    turns = turns_of(heard)
    assert [len(turn) >= 7_200 for turn in turns] == [True, True]
    first, second = (place_of(turn) for turn in turns)
    assert first > 12_000, "what was heard before the first turn stays here"
    assert second > first + len(turns[0]), "and what was heard between the turns"
    assert heard.received[0]["session"]["turn_detection"] is None
    sent = [event["type"] for event in heard.received[1:]]
    assert sent[:2] == ["input_audio_buffer.commit", "response.create"]
    assert sorted(sent[2:4]) == ["conversation.item.truncate", "response.cancel"]
    assert sent[4:6] == ["input_audio_buffer.commit", "response.create"]
    (cancelled,) = (e for e in heard.received if e["type"] == "response.cancel")
    assert cancelled["response_id"] == "r1"
    drops = [item for item in given if isinstance(item, SoundDrop)]
    assert drops[0].answer == 1
    assert drops[1:] in ([], [SoundDrop(2, len(ANSWER))]), "all of the second answer was heard"
    second_answer = [b for b in given if isinstance(b, SoundBlock) and b.answer == 2]
    assert np.array_equal(np.concatenate([b.samples[:, 0] for b in second_answer]), ANSWER)


def test_a_process_that_is_killed_costs_the_program_no_sample() -> None:
    long_answer = positive(3.0, seed=9)
    given: list[SoundBlock | SoundDrop] = []
    spare_ready = threading.Event()

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(spare_ready.is_set)
        await user_turn(session, "u1", "Hello?")
        await answer(session, "r1", long_answer)
        await session.end_answer("r1", "item_r1")
        await session.wait_for(lambda: session.heard_ms >= 8_000)

    async def converse(service: ScriptedService) -> None:
        async with VoiceSession(
            own(service),
            microphone=MicrophoneInput(coded()),
            speaker=SpeakerOutput(given.append),
        ) as session:
            await session.wait_open()
            processes = voice_processes_of(os.getpid())
            children = psutil.Process().children
            while not any(is_ready_spare(child.pid, "audio") for child in children()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            spare_ready.set()
            while len(given) < 30:  # noqa: ASYNC110 - the thread of the session fills it
                await asyncio.sleep(0.005)
            processes["playback"].kill()
            processes["capture"].kill()
            await wait_for(session, Ready)
            assert session.metrics.lost_ms == 0
            while session.metrics.sent_ms < 8_000:  # noqa: ASYNC110 - it is read from shared memory
                await asyncio.sleep(0.02)

    with ScriptedService(script) as service:
        run(converse(service))
        arrived = np.frombuffer(service.sessions[0].heard, np.int16)
    assert np.array_equal(arrived, CODED[: len(arrived)])
    blocks = [item for item in given if isinstance(item, SoundBlock)]
    sounded = np.zeros(len(long_answer), np.int16)
    for block in blocks:
        sounded[block.position : block.end] = block.samples[:, 0]
    assert np.array_equal(sounded, long_answer)
    assert sum(map(len, blocks)) <= len(long_answer) + 240, "a block at most comes twice"
