"""A service that knows every sample: it hears the questions, and sends the answers.

Turn detection works on the received audio, as the real one does: a turn begins with loud audio and
ends with a pause. A question is known by its samples; one that was replayed, by its words.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import count

import numpy as np

from benchmarks.faults.code import Run
from benchmarks.faults.conversation import SOFTEST_SPEECH, Talk
from pipeline.pcm import PCM16, SAMPLE_BYTES, Samples, ms_to_samples, samples_to_ms
from tests.support.scripted_service import ScriptedService, ScriptedSession

BLOCK_SAMPLES = ms_to_samples(10)
ONSET_SAMPLES = ms_to_samples(100)
"""Length of loud audio before the service is sure that somebody speaks."""
PAUSE_SAMPLES = ms_to_samples(300)
PREFIX_MS = 300
TRANSCRIBED_AFTER_S = 0.15
DELTA_MS = 100
SPEED = 8
"""Of the answers, times real time."""
WORDS = "Question"
TOOL = "slowly"


class CodedService(ScriptedService):
    """Holds the coded conversation with every client that comes.

    :param calls: whether the model calls `TOOL` before it answers the second question.
    :ivar asked: the question of each committed turn, with the number of its session; None for a
        turn that is not one whole question.
    """

    def __init__(self, talk: Talk, *, calls: bool = False) -> None:
        super().__init__(self._hold)
        self.talk = talk
        self.calls = calls
        self.asked: list[tuple[int, int | None]] = []
        self.sent_samples: Counter[int] = Counter()
        """Samples sent of each answer, in the session that sent most of them."""
        self.overtaken: set[int] = set()
        """Questions after which the next one came before their answer had been heard."""
        self.silent_sessions = 0
        """So many new sessions do not accept the client's settings."""
        self.refused_requests = 0
        """So many requests for an answer are refused."""
        self.listeners: list[Listener] = []
        self._numbers = count()

    async def _hold(self, session: ScriptedSession) -> None:
        if self.silent_sessions:
            self.silent_sessions -= 1
            session.accept_nothing()
        listener = Listener(self, session, next(self._numbers))
        self.listeners.append(listener)
        await listener.run()

    @property
    def heard_samples(self) -> int:
        """Microphone samples that have arrived, of all sessions together."""
        return sum(len(session.heard) for session in self.sessions) // SAMPLE_BYTES

    def heard_runs(self) -> list[list[Run]]:
        """Return the parts of the microphone's signal that arrived, session by session."""
        return [
            self.talk.microphone_code.runs(np.frombuffer(bytes(session.heard), np.int16))
            for session in self.sessions
        ]


class Listener:
    """One session: detects turns, and answers them."""

    def __init__(self, service: CodedService, session: ScriptedSession, number: int) -> None:
        self._service = service
        self._session = session
        self._number = number
        self._ids = count()
        self._position = 0
        self._turn_start: int | None = None
        self._loud_samples = 0
        self._quiet_samples = 0
        self._user_item = ""
        self._answering: asyncio.Task[None] | None = None
        self._open: int | None = None
        self._questions: dict[str, int] = {}
        """The question that each answer item answers."""
        self._seen_events = 0
        self.mute = False
        """Whether nothing is sent: the link is dead."""
        self.current: str | None = None
        """Id of the response that is being sent."""

    async def run(self) -> None:
        """Listen until the client leaves."""
        session = self._session
        try:
            while True:
                await session.wait_for(lambda: self._waiting_samples or self._waiting_events, 600)
                await self._obey()
                await self._listen()
        finally:
            await self._stop_answering()

    @property
    def _waiting_samples(self) -> bool:
        return len(self._session.heard) // SAMPLE_BYTES - self._position >= BLOCK_SAMPLES

    @property
    def _waiting_events(self) -> bool:
        return len(self._session.received) > self._seen_events

    async def _obey(self) -> None:
        """Remember what is replayed, and answer when told to."""
        session = self._session
        while self._waiting_events:
            event = session.received[self._seen_events]
            self._seen_events += 1
            if event["type"] == "conversation.item.create":
                self._remember(event["item"])
            elif event["type"] == "response.create" and self._open is not None:
                await self._answer_request(self._open, event.get("event_id"))
            elif event["type"] in ("conversation.item.truncate", "conversation.item.delete"):
                self._service.overtaken.add(self._questions[event["item_id"]])

    async def _answer_request(self, question: int, event_id: str | None) -> None:
        if not self._service.refused_requests:
            await self._begin_answer(question)
            return
        self._service.refused_requests -= 1
        code = "conversation_already_has_active_response"
        error = {"code": code, "message": "It has an active response.", "event_id": event_id}
        await self._send("error", error=error)

    def _remember(self, item: dict[str, object]) -> None:
        if item.get("role") == "user":
            content = item["content"]
            assert isinstance(content, list)
            text = str(content[0]["text"])
            self._open = int(text.removeprefix(f"{WORDS} ").rstrip("."))

    async def _listen(self) -> None:
        while self._waiting_samples:
            block = self._heard(self._position, self._position + BLOCK_SAMPLES)
            self._position += BLOCK_SAMPLES
            loud = np.abs(block).max() >= SOFTEST_SPEECH
            self._loud_samples = self._loud_samples + BLOCK_SAMPLES if loud else 0
            self._quiet_samples = 0 if loud else self._quiet_samples + BLOCK_SAMPLES
            if self._turn_start is None and self._loud_samples >= ONSET_SAMPLES:
                await self._start_turn()
            elif self._turn_start is not None and self._quiet_samples >= PAUSE_SAMPLES:
                await self._end_turn(self._heard(self._turn_start, self._position))

    def _heard(self, start: int, end: int) -> Samples:
        return np.frombuffer(self._session.heard[start * SAMPLE_BYTES : end * SAMPLE_BYTES], PCM16)

    async def _start_turn(self) -> None:
        start_ms = samples_to_ms(self._position - self._loud_samples) - PREFIX_MS
        self._turn_start = ms_to_samples(max(0, start_ms))
        self._user_item = f"user_{self._number}_{next(self._ids)}"
        await self._send(
            "input_audio_buffer.speech_started",
            audio_start_ms=max(0, start_ms),
            item_id=self._user_item,
        )
        if self._open is not None:
            self._service.overtaken.add(self._open)
        await self._stop_answering()

    async def _end_turn(self, turn: Samples) -> None:
        self._turn_start = None
        item = self._user_item
        end_ms = samples_to_ms(self._position)
        await self._send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item)
        await self._send("input_audio_buffer.committed", item_id=item)
        question = self._service.talk.question_of(turn)
        self._service.asked.append((self._number, question))
        self._open = question
        if question is not None:
            asyncio.get_running_loop().create_task(self._transcribe(item, question))
            await self._begin_answer(question)

    async def _transcribe(self, item: str, question: int) -> None:
        await asyncio.sleep(TRANSCRIBED_AFTER_S)
        await self._send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item,
            content_index=0,
            transcript=f"{WORDS} {question}.",
        )

    async def _begin_answer(self, question: int) -> None:
        await self._stop_answering()
        self._answering = asyncio.create_task(self._answer(question))

    async def _stop_answering(self) -> None:
        task, self._answering = self._answering, None
        if task is None or task.done():
            return
        task.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await task
        if self.current is not None:
            response, self.current = self.current, None
            await self._end(response, "cancelled", reason="turn_detected")

    async def _answer(self, question: int) -> None:
        with suppress(ConnectionError):  # the client has left
            await self._send_answer(question)

    async def _send_answer(self, question: int) -> None:
        number = next(self._ids)
        response, item = f"resp_{self._number}_{number}", f"item_{self._number}_{number}"
        await self._send("response.created", response={"id": response, "status": "in_progress"})
        self.current = response
        self._questions[item] = question
        if self._service.calls and question == 1 and self._calls_left():
            await self._call(response, number)
            return
        sound = self._service.talk.answers[question]
        place = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        await self._send("response.audio_transcript.delta", **place, delta=f"Answer {question}.")
        step = ms_to_samples(DELTA_MS)
        for start in range(0, len(sound), step):
            delta = sound[start : start + step]
            if not self.mute:
                await self._session.say(response, item, delta.tobytes())
                sent = self._service.sent_samples
                sent[question] = max(sent[question], start + len(delta))
            await asyncio.sleep(DELTA_MS / 1_000 / SPEED)
        self.current = None
        self._open = None
        await self._end(response, "completed", item=item)

    def _calls_left(self) -> bool:
        return not any(
            event["item"].get("type") == "function_call_output"
            for event in self._session.received
            if event["type"] == "conversation.item.create"
        )

    async def _call(self, response: str, number: int) -> None:
        call = {"call_id": f"call_{self._number}_{number}", "name": TOOL, "item_id": "item_call"}
        place = {"response_id": response, "output_index": 0}
        item = {**call, "id": "item_call", "type": "function_call", "arguments": ""}
        await self._send("response.output_item.added", **place, item=item)
        await self._send("response.function_call_arguments.done", **place, **call, arguments="{}")
        self.current = None
        await self._end(response, "completed")

    async def _end(self, response: str, status: str, item: str = "", reason: str = "") -> None:
        if item:
            await self._send("response.audio.done", response_id=response, item_id=item)
        details = {"type": status, **({"reason": reason} if reason else {})}
        await self._send(
            "response.done",
            response={"id": response, "status": status, "status_details": details},
        )

    async def _send(self, kind: str, **fields: object) -> None:
        if not self.mute:
            with suppress(ConnectionError):
                await self._session.send(kind, **fields)
