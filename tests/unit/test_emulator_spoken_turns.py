"""What the user's turns do, one event of the detector at a time: without models and answers."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.turns.endpointing import (
    EndpointingRules,
    SpeechEnding,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnEvent,
)
from pipeline.emulator.turns.finished_turns import FinishedTurns
from pipeline.emulator.turns.recognition import Recognition
from pipeline.emulator.turns.semantics import Semantics
from pipeline.emulator.turns.settings import TurnSettings
from pipeline.emulator.turns.spoken_turns import SpokenTurns
from pipeline.emulator.turns.utterance import Doubt
from pipeline.emulator.wire.events import Event

FILLERS = Semantics(ignores_fillers=True)
BY_WORDS = Semantics(Doubt.OPENING, 1_000)


class Scene:
    """Records in `log` the types of events and the calls, in order. `words` is what is heard."""

    def __init__(self, semantics: Semantics, *, is_sounding: bool, words: str) -> None:
        self.log: list[str] = []
        self.is_sounding = is_sounding
        self.words = words
        self.position_ms = 0
        settings = TurnSettings(
            InputFormat(), EndpointingRules(), semantics, is_cascaded=False, transcribes=True
        )
        finished = FinishedTurns(settings, ConversationHistory(), self)
        recognition = Recognition(self, self)  # type: ignore[arg-type]
        self.turns = SpokenTurns(self, recognition, finished, self, self)  # type: ignore[arg-type]
        self.turns.semantics = semantics

    # --- the sink of events ---

    def put(self, *events: Event) -> None:
        self.log += [event["type"].rpartition(".")[2] for event in events]

    async def wait_for_room(self, most: int) -> None:
        pytest.fail(f"waits for room below {most}")

    # --- the engine and the listener ---

    async def transcribe(self, _: object) -> str:
        return self.words

    def heard(self, *_: int) -> Any:
        return np.zeros(0, np.int16)

    def end_turn(self) -> SpeechStopped:
        return SpeechStopped(self.position_ms)

    def turn_ended(self, end_ms: int) -> None:
        self.log.append(f"ended at {end_ms}")

    def wait_longer(self, patience_ms: int) -> None:
        self.log.append(f"wait {patience_ms}")

    def abandon_turn(self) -> None:
        self.log.append("abandon")

    # --- the answers ---

    def interrupt(self) -> None:
        self.log.append("interrupt")

    def prepare(self, _: object) -> None:
        self.log.append("prepare")

    def drop_prepared(self) -> None:
        self.log.append("drop prepared")

    def answer(self, turn: UserTurn) -> None:
        turn.may_be_reported.set()
        self.log.append("answer")


def follow(
    *changes: TurnEvent | Callable[[Scene], object] | None,
    semantics: Semantics = Semantics(),  # noqa: B008 - it is frozen
    is_sounding: bool = False,
    words: str = "What time is it?",
) -> list[str]:
    """Follow events of the detector, and calls that change the scene between them."""

    async def run() -> list[str]:
        scene = Scene(semantics, is_sounding=is_sounding, words=words)
        for change in changes:
            if callable(change):
                change(scene)
            else:
                await scene.turns.follow(change)
        return scene.log

    return asyncio.run(run())


def at(position_ms: int) -> Callable[[Scene], object]:
    return lambda scene: setattr(scene, "position_ms", position_ms)


COMMITTED = ["speech_stopped", "ended at 900", "committed", "created", "answer"]


def test_a_turn_interrupts_and_is_answered() -> None:
    log = follow(SpeechStarted(100), SpeechPaused(500), SpeechStopped(900), is_sounding=True)
    assert log == ["speech_started", "interrupt", "prepare", *COMMITTED]


def test_speech_that_goes_on_drops_the_prepared_answer() -> None:
    log = follow(SpeechStarted(100), SpeechPaused(500), SpeechResumed())
    assert log == ["speech_started", "interrupt", "prepare", "drop prepared"]


def test_a_filler_during_an_answer_leaves_no_trace() -> None:
    paused = follow(
        SpeechStarted(100),
        SpeechPaused(500),
        SpeechStopped(900),
        semantics=FILLERS,
        is_sounding=True,
        words="Uh-huh.",
    )
    assert paused == ["abandon"]


def test_a_filler_is_a_turn_when_nothing_sounds() -> None:
    log = follow(SpeechStarted(100), SpeechStopped(900), semantics=FILLERS, words="Uh-huh.")
    assert log == ["speech_started", "interrupt", *COMMITTED]


def test_speech_during_an_answer_is_reported_with_its_first_words() -> None:
    before = follow(SpeechStarted(100), at(255), None, semantics=FILLERS, is_sounding=True)
    after = follow(SpeechStarted(100), at(256), None, semantics=FILLERS, is_sounding=True)
    assert (before, after) == ([], ["speech_started", "interrupt"])


def test_long_speech_during_an_answer_is_reported_without_words() -> None:
    short = follow(
        SpeechStarted(100), at(767), None, semantics=FILLERS, is_sounding=True, words="Uh-huh."
    )
    long = follow(
        SpeechStarted(100), at(768), None, semantics=FILLERS, is_sounding=True, words="Uh-huh."
    )
    assert (short, long) == ([], ["speech_started", "interrupt"])


def test_unfinished_words_get_more_time() -> None:
    unfinished = follow(SpeechStarted(100), SpeechEnding(600), semantics=BY_WORDS, words="I want")
    assert unfinished == ["speech_started", "interrupt", "wait 1000"]


def test_finished_words_end_the_turn() -> None:
    log = follow(SpeechStarted(100), at(900), SpeechEnding(600), semantics=BY_WORDS)
    assert log == ["speech_started", "interrupt", *COMMITTED]


def test_an_abandoned_turn_is_not_followed() -> None:
    log = follow(SpeechStarted(100), lambda scene: scene.turns.abandon(), SpeechStopped(900))
    assert log == ["speech_started", "interrupt"]
