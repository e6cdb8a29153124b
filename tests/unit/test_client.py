"""The client between the service and the shared state: the sound first, and nothing waits."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline import structs
from pipeline.config.settings import Settings
from pipeline.ipc.commands import CancelTool, OfferTools, ToolOutput
from pipeline.ipc.events import (
    AssistantDone,
    AssistantSaid,
    EventRead,
    Finished,
    Interrupted,
    Listening,
    Notice,
    Ready,
)
from pipeline.ipc.reports import AnswerMemory, ConversationMemory, Report, TurnMemory
from pipeline.network.actions import (
    AddMessage,
    CancelResponse,
    DeleteItem,
    EndItem,
    SendToolResult,
    ServiceAction,
    Truncate,
)
from pipeline.network.client import Client
from pipeline.network.downlink import Downlink
from pipeline.network.events import Event
from pipeline.network.floor import Floor
from pipeline.network.input_end import InputEnd
from pipeline.pcm import FRAME_SAMPLES
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import CutReport, Position, SharedState
from pipeline.structs import Struct

PCM = bytes(2 * 24_000)


class Link:
    """Notes each report, and the generation that playback could see by then."""

    def __init__(self, state: SharedState) -> None:
        self._state = state
        self.reports: list[Report] = []
        self.memories: list[ConversationMemory] = []
        self.generations: list[int] = []

    def report(self, report: Report) -> None:
        if isinstance(report, ConversationMemory):
            self.memories.append(report)
            return
        self.reports.append(report)
        self.generations.append(self._state.network.generation.load())

    def take(self) -> list[Report]:
        taken, self.reports, self.generations = self.reports, [], []
        return taken


class Session:
    """A session whose messages wait for ever."""

    ready = True
    session_id = "s1"
    expires_in_s: float | None = None

    def __init__(self) -> None:
        self.waiting: list[ServiceAction] = []

    def set_up(self, event: Event) -> None:
        """Nothing is left to be set up."""

    def take_over(self) -> None:
        """There is no microphone."""

    def send(self, message: ServiceAction) -> None:
        self.waiting.append(message)


class Uplink:
    """A microphone that is silent."""

    drained = True
    turn_open = False
    latest_turn_start = -1
    processed_s = 0.0
    answered_s = 0.0

    published_samples = 48_000

    def __init__(self) -> None:
        self.marks: list[tuple[str, int]] = []

    def begins_before(self, position: int, session_ms: int | None) -> bool:
        return session_ms is not None and session_ms * 24 < position

    oldest_ns = 0

    def keeps(self, captured_at_ns: int) -> bool:
        return self.oldest_ns <= captured_at_ns

    def begin_turn(self, at_ns: int, **_again: bool) -> None:
        self.marks.append(("begin", at_ns))

    def end_turn(self, at_ns: int) -> None:
        self.marks.append(("end", at_ns))

    def take_over(self, latest_turn_start: int) -> bool:
        return latest_turn_start >= 0

    def receive(self, event: Event) -> None:
        pass

    def tick(self) -> None:
        pass

    def end_session(self, _quiet_since_s: float | None = None) -> bool:
        return False


class Rig:
    def __init__(
        self, state: SharedState, ring: FrameRing, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.state = state
        self._ring = ring
        self._loop = loop
        self.link = Link(state)
        self.session = Session()
        self.downlink = Downlink(ring.writer())
        self.uplink = Uplink()
        parts: tuple[Any, ...] = (self.link, state, self.uplink, self.downlink)
        self.client = Client(Settings(verbose=True), *parts, loop=loop)

    def go_on(self) -> None:
        """Let a new process take the place of this one."""
        self.session = Session()
        self.downlink = Downlink(self._ring.writer())
        self.uplink = Uplink()
        parts: tuple[Any, ...] = (self.link, self.state, self.uplink, self.downlink)
        memory = self.link.memories[-1]
        self.client = Client(Settings(verbose=True), *parts, loop=self._loop, memory=memory)

    def connect(self) -> None:
        self.client._sessions._sessions.current = self.session  # type: ignore[assignment]

    def receive(self, kind: str, **fields: Any) -> None:
        self.receive_raw(json.dumps({"type": kind, **fields}).encode())

    def receive_raw(self, message: bytes) -> None:
        session: Any = self.session
        self.client.on_message(session, message)

    def answer(self) -> None:
        """An answer of one second, of which words and sound have come."""
        place = {"response_id": "r1", "item_id": "i1"}
        self.receive("response.created", response={"id": "r1"})
        self.receive("response.audio_transcript.delta", **place, delta="Hello.")
        self.receive("response.audio.delta", **place, delta=base64.b64encode(PCM).decode())


@pytest.fixture
def rig() -> Iterator[Rig]:
    loop = asyncio.new_event_loop()
    with SharedState.create() as state, FrameRing.create(4) as ring:
        yield Rig(state, ring, loop)
    loop.close()


def test_the_generation_rises_before_anything_is_reported_or_sent(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    assert rig.downlink.waiting, "more than the ring holds"
    rig.link.take()
    rig.receive("input_audio_buffer.speech_started")
    assert rig.link.generations == [1, 1]
    cause, effect = rig.link.take()
    assert isinstance(cause, EventRead)
    assert effect == Listening()
    assert not rig.downlink.waiting
    assert rig.session.waiting == []


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the values that other tests have made."""
    for kind in kinds_of(Struct):
        monkeypatch.setattr(kind, "__init__", Struct.__init__)


def kinds_of(kind: type[Struct]) -> Iterator[type[Struct]]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds_of(each)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[type[Struct]]:
    """Each class that is compiled from now on."""
    compiled: list[type[Struct]] = []
    initializer = structs._initializer

    def noting(cls: type[Struct]) -> Callable[..., None]:
        compiled.append(cls)
        return initializer(cls)

    monkeypatch.setattr(structs, "_initializer", noting)
    return compiled


@pytest.mark.usefixtures("new_process")
def test_the_first_sound_and_the_first_interruptions_compile_nothing(
    compiled: list[type[Struct]], rig: Rig
) -> None:
    assert compiled, "the client pays as it begins"
    rig.connect()
    rig.receive("response.created", response={"id": "r1"})
    place = {"response_id": "r1", "item_id": "i1"}
    rig.receive("response.audio_transcript.delta", **place, delta="Hello.")
    rig.receive("response.audio_transcript.done", **place, transcript="Hello.")
    unheard = {"response_id": "r1", "item_id": "i2"}
    compiled.clear()
    rig.receive("response.audio.delta", **place, delta=base64.b64encode(PCM).decode())
    rig.receive("response.audio.delta", **unheard, delta=base64.b64encode(PCM).decode())
    assert compiled == []
    rig.receive("response.audio.done", **unheard)
    assert EndItem not in compiled
    call = {"response_id": "r1", "item_id": "c1", "call_id": "c1", "name": "f", "arguments": "{}"}
    rig.receive("response.function_call_arguments.done", **call)
    rig.link.take()
    compiled.clear()
    rig.receive("input_audio_buffer.speech_started")
    rig.state.publish_cut(CutReport(1, Position(1, 12_000), 0, 0))
    rig.client.tick()
    assert compiled == []
    told = {type(report) for report in rig.link.take()}
    assert told == {EventRead, Listening, CancelTool, AssistantSaid, AssistantDone, Interrupted}
    result, *corrections = rig.session.waiting
    assert isinstance(result, SendToolResult)
    assert corrections == [Truncate("i1", 500), DeleteItem("i2")]
    rig.receive("response.created", response={"id": "r2"})
    place = {"response_id": "r2", "item_id": "i3"}
    rig.receive("response.audio.delta", **place, delta=base64.b64encode(PCM).decode())
    rig.session.waiting.clear()
    compiled.clear()
    rig.state.ears.interrupt.store(2)
    rig.client.tick()
    assert compiled == []
    assert rig.session.waiting == [CancelResponse("r2")]


def test_the_ears_interrupt_and_only_their_own_response_is_cancelled(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.state.ears.interrupt.store(1)
    rig.client.tick()
    assert rig.state.network.generation.load() == 1
    assert not rig.downlink.waiting
    assert rig.session.waiting == [CancelResponse("r1")]
    rig.client.tick()
    rig.state.publish_cut(CutReport(1, Position(1, 12_000), 0, 0))
    rig.client.tick()
    assert rig.session.waiting == [CancelResponse("r1"), Truncate("i1", 500)]
    rig.receive("response.created", response={"id": "r2"})
    place = {"response_id": "r2", "item_id": "i2"}
    rig.receive("response.audio.delta", **place, delta=base64.b64encode(PCM).decode())
    started = "input_audio_buffer.speech_started"
    rig.receive(started, audio_start_ms=1_500, item_id="u1")
    assert rig.state.network.generation.load() == 1, "the voice that the ears have heard"
    rig.receive(started, audio_start_ms=2_500, item_id="u2")
    assert rig.state.network.generation.load() == 2, "another voice"


def test_the_ears_are_late_where_the_service_has_interrupted(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.receive("input_audio_buffer.speech_started")
    rig.receive("response.created", response={"id": "r2"})
    rig.state.ears.interrupt.store(1)
    rig.client.tick()
    assert rig.state.network.generation.load() == 1
    assert rig.session.waiting == []


def test_ears_that_found_nothing_to_interrupt_interrupt_nothing_later(rig: Rig) -> None:
    rig.connect()
    rig.state.ears.interrupt.store(1)
    rig.client.tick()
    rig.answer()
    rig.client.tick()
    assert rig.state.network.generation.load() == 0
    rig.state.ears.interrupt.store(0)  # the hold ends
    rig.client.tick()
    rig.receive("input_audio_buffer.speech_started", audio_start_ms=500, item_id="u1")
    assert rig.state.network.generation.load() == 1, "nothing was interrupted before"
    rig.receive("response.created", response={"id": "r2"})
    rig.state.ears.interrupt.store(2)
    rig.client.tick()
    assert rig.state.network.generation.load() == 2


def test_the_ears_mark_turns(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.connect()
    rig.answer()
    rig.client.tick()
    assert rig.uplink.marks == []
    words = rig.state.ears
    words.turn_begin_ns.store(7_000)
    rig.client.tick()
    rig.client.tick()
    assert rig.uplink.marks == [("begin", 7_000)]
    assert rig.session.waiting == [CancelResponse("r1")]
    words.turn_end_ns.store(8_000)
    rig.client.tick()
    words.turn_begin_ns.store(9_000)
    rig.client.tick()
    assert rig.uplink.marks[1:] == [("end", 8_000), ("begin", 9_000)]
    rig.go_on()
    assert rig.uplink.marks == [("begin", 9_000)], "the turn that is open"
    words.turn_end_ns.store(9_500)
    rig.go_on()
    assert rig.uplink.marks == [("begin", 9_000), ("end", 9_500)]
    monkeypatch.setattr(Uplink, "oldest_ns", 9_600)
    rig.go_on()
    rig.client.tick()
    assert rig.uplink.marks == [], "a session before has understood the turn"


def test_what_is_to_be_sent_waits_in_the_session(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.receive("input_audio_buffer.speech_started")
    rig.client.tick()
    assert rig.session.waiting == [], "playback has not cut yet"
    rig.state.publish_cut(CutReport(1, Position(1, 0), 0, 0))
    rig.link.take()
    rig.client.tick()
    assert rig.session.waiting == [DeleteItem("i1")]
    assert rig.link.take() == [AssistantDone("", "Hello.", cut=True), Interrupted(0)]


def test_a_position_is_not_read_while_playback_reports_a_cut(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.receive("input_audio_buffer.speech_started")
    rig.state.playback.heard.store(Position(1, 24_000).packed())
    rig.state.playback.cut_begun.store(1)
    rig.client.tick()
    rig.state.publish_cut(CutReport(1, Position(1, 12_000), 0, 0))
    rig.client.tick()
    assert rig.session.waiting == [Truncate("i1", 500)]


def test_the_time_passes_for_the_conversation(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Floor, "ANSWER_WITHIN_S", 0.0)
    rig.connect()
    rig.receive("input_audio_buffer.speech_started")
    rig.receive("input_audio_buffer.speech_stopped", item_id="u1")
    rig.client.tick()
    assert rig.link.take()[-1] == Ready()


def test_the_loudspeaker_s_position_is_followed(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.receive("response.done", response={"id": "r1", "status": "completed"})
    rig.link.take()
    rig.state.playback.heard.store(Position(1, 24_000).packed())
    rig.client.tick()
    assert rig.link.take() == [AssistantSaid("Hello."), AssistantDone("Hello."), Ready()]
    shown = rig.link.memories[-1].turns
    assert shown == (TurnMemory("assistant", "", "Hello."),), "known to another process at once"
    assert rig.state.network.heartbeat_ns.load() > 0


def test_a_result_between_two_sessions_goes_nowhere(rig: Rig) -> None:
    rig.connect()
    call = {"response_id": "r1", "name": "f", "arguments": "{}"}
    rig.receive("response.created", response={"id": "r1"})
    for call_id in ("c1", "c2"):
        rig.receive("response.function_call_arguments.done", **call, call_id=call_id)
    rig.client.handle_command(ToolOutput("c1", "noon"))
    rig.client._sessions._sessions.current = None
    rig.client.handle_command(ToolOutput("c2", "noon"))
    assert rig.session.waiting == [SendToolResult("c1", "noon")]


def test_an_error_is_shown(rig: Rig) -> None:
    rig.connect()
    rig.receive("error", error={"code": "DeploymentNotFound", "message": "No such model."})
    assert [type(report) for report in rig.link.take()] == [EventRead, Notice]


def test_what_a_session_sends_that_is_not_current_changes_nothing(rig: Rig) -> None:
    rig.connect()
    retired: Any = Session()
    message = {"type": "input_audio_buffer.speech_started", "item_id": "u1"}
    rig.client.on_message(retired, json.dumps(message).encode())
    assert [type(report) for report in rig.link.take()] == [EventRead]


def test_an_unreadable_message_is_reported_and_skipped(rig: Rig) -> None:
    rig.connect()
    rig.receive_raw(b"{")
    (notice,) = rig.link.take()
    assert isinstance(notice, Notice)
    rig.receive("response.created", response={"id": "r1"})
    rig.receive("response.text.delta", response_id="r1", delta="Hello.")
    rig.client.tick()
    assert AssistantSaid("Hello.") in rig.link.take()


def test_the_tools_that_are_offered_are_for_the_next_session(rig: Rig) -> None:
    rig.client.handle_command(OfferTools(()))
    assert rig.client._sessions._tools.result() == ()


# A recorded input


@pytest.fixture
def uplink() -> Uplink:
    return Uplink()


@pytest.fixture
def input_end(rig: Rig, uplink: Any) -> InputEnd:
    rig.state.capture.ended.store(1)
    return InputEnd(rig.state, uplink, 0.0)


def test_a_spoken_input_ends_after_a_rest(input_end: InputEnd) -> None:
    assert not input_end.reached(1.9, connected=True, idle=True)
    assert input_end.reached(2.1, connected=True, idle=True)


def test_the_rest_begins_anew_with_each_answer(input_end: InputEnd) -> None:
    assert not input_end.reached(1.0, connected=True, idle=False)
    assert not input_end.reached(2.9, connected=True, idle=True)
    assert input_end.reached(3.1, connected=True, idle=True)


def test_an_input_does_not_end_while_the_service_is_away(input_end: InputEnd) -> None:
    assert not input_end.reached(100.0, connected=False, idle=True)


def test_an_input_ends_without_the_service_once_it_has_heard_all(
    input_end: InputEnd, uplink: Uplink
) -> None:
    assert not input_end.reached(1.0, connected=True, idle=False)
    uplink.answered_s = 2.1
    assert not input_end.reached(2.2, connected=False, idle=True)
    assert input_end.reached(3.5, connected=False, idle=True)


def test_what_went_to_a_dead_service_was_not_heard(input_end: InputEnd, uplink: Uplink) -> None:
    input_end.event_received(0.9)
    assert not input_end.reached(1.0, connected=True, idle=True)
    uplink.drained = False  # it is to be sent again
    assert not input_end.reached(9.0, connected=False, idle=True)
    assert not input_end.reached(19.0, connected=False, idle=True)


def test_what_a_service_got_all_at_once_just_before_it_died_was_not_heard(
    input_end: InputEnd, uplink: Uplink
) -> None:
    uplink.processed_s = 6.0
    assert not input_end.reached(1.0, connected=True, idle=True)
    uplink.answered_s = 5.0
    uplink.drained, uplink.processed_s = False, 0.0
    assert not input_end.reached(5.5, connected=False, idle=True)
    assert not input_end.reached(19.0, connected=False, idle=True)


def test_a_service_is_given_time_for_sound_that_it_got_all_at_once(
    input_end: InputEnd, uplink: Uplink
) -> None:
    uplink.processed_s = 6.0
    assert not input_end.reached(5.9, connected=True, idle=True)
    assert not input_end.reached(7.8, connected=True, idle=True)
    assert input_end.reached(8.0, connected=True, idle=True)


def test_an_input_does_not_end_while_it_is_spoken(rig: Rig, input_end: InputEnd) -> None:
    rig.state.capture.ended.store(0)
    assert not input_end.reached(100.0, connected=True, idle=True)


def test_a_service_that_falls_silent_ends_it(rig: Rig, input_end: InputEnd) -> None:
    input_end.event_received(10.0)
    assert not input_end.reached(29.0, connected=True, idle=False)
    assert not input_end.reached(30.5, connected=True, idle=False)
    assert input_end.reached(31.5, connected=True, idle=False)
    rig.state.playback.handed.store(Position(1, 1).packed())
    assert not input_end.reached(40.0, connected=True, idle=False), "an answer still sounds"


def test_each_event_shows_that_the_service_is_not_silent(rig: Rig) -> None:
    rig.connect()
    rig.client._input_end.event_received(0.0)
    rig.receive("rate_limits.updated")
    assert rig.client._input_end._latest_event_s > 0


def test_the_end_of_the_input_is_reported(rig: Rig) -> None:
    rig.connect()
    rig.state.capture.ended.store(1)
    rig.client._input_end._busy_s -= InputEnd.SETTLED_S
    rig.client.tick()
    assert rig.link.take() == [Finished()]


def test_a_memory_is_reported_after_a_turn_and_not_with_every_word(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    assert [memory.turns for memory in rig.link.memories] == [(TurnMemory("assistant", ""),)]
    rig.client.tick()
    (_, memory) = rig.link.memories
    assert memory.turns == (TurnMemory("assistant", "", "Hello.", heard=0),)
    assert memory.answers == (AnswerMemory(1, 0, 24_000, turn=0, breaks_off=True),)
    words = {"response_id": "r1", "item_id": "i1", "delta": " You."}
    rig.receive("response.audio_transcript.delta", **words)
    rig.client.tick()
    assert len(rig.link.memories) == 2
    rig.receive("response.done", response={"id": "r1", "status": "completed"})
    assert [turn.words for turn in rig.link.memories[-1].turns] == ["Hello. You."]
    rig.client.tick()
    assert len(rig.link.memories) == 3


def test_a_new_process_goes_on_with_what_the_ring_still_holds(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.client.tick()
    assert rig.downlink.waiting, "more than the ring holds"
    rig.go_on()
    rig.connect()
    assert rig.downlink.waiting, "the end of the item is to be marked"
    rig.state.playback.heard.store(Position(1, 4 * FRAME_SAMPLES).packed())
    rig.client.tick()
    rig.client._effects.perform(rig.client._conversation.session_resumed())
    assert rig.client._conversation.idle
    assert rig.session.waiting == [AddMessage("assistant", "Hello.")], "its beginning was heard"


def test_a_new_process_settles_a_cut_that_was_under_way(rig: Rig) -> None:
    rig.connect()
    rig.answer()
    rig.client.tick()
    rig.receive("input_audio_buffer.speech_started")
    rig.go_on()
    assert rig.client._conversation.generation == 1
    rig.link.take()
    rig.client.tick()
    assert rig.link.take() == []
    rig.state.publish_cut(CutReport(1, Position(1, 2_400), 0, 0))
    rig.client.tick()
    heard = [AssistantSaid("Hello."), AssistantDone("Hello.", cut=True)]
    assert rig.link.take() == [*heard, Interrupted(100)]
