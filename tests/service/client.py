"""A client over the unmodified SDK that keeps all events it receives."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.ai.voicelive.models import ServerEvent
from azure.core.credentials import AzureKeyCredential

from pipeline.audio.selection import SAMPLE_WAV

KEY = "correct horse"
GENEROUS_S = 60.0

Samples = npt.NDArray[np.int16]

SERVER_VAD = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500}
TRANSCRIBED = {"model": "whisper-1"}


class Client:
    """`events` holds all received events, the oldest first, as plain dictionaries.

    `opening` are those that opened the session, and `typed` is all of it as the SDK gives it.
    """

    def __init__(self, connection: VoiceLiveConnection) -> None:
        self.connection = connection
        self.opening: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.typed: list[ServerEvent] = []

    async def send(self, kind: str, **fields: object) -> None:
        await self.connection.send({"type": kind, **fields})

    async def say(self, samples: Samples, quiet_s: float = 1.0, rate_hz: int = 24_000) -> None:
        """Append speech with the silence after it in one go."""
        quiet = np.zeros(int(quiet_s * rate_hz), np.int16)
        pcm = np.concatenate([samples, quiet]).astype("<i2").tobytes()
        await self.connection.input_audio_buffer.append(audio=encoded(pcm))

    async def until(
        self, kind: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Receive events until one has that type and `fits`, and return it."""
        async with asyncio.timeout(GENEROUS_S):
            while True:
                self.typed.append(await self.connection.recv())
                event = self.typed[-1].as_dict()
                self.events.append(event)
                if event["type"] == kind and fits(event):
                    return event

    async def ask(self, text: str, **response: object) -> None:
        """Create a message of the user and ask for a response."""
        await self.send("conversation.item.create", item=message(text))
        await self.send("response.create", response=response)

    async def error_after(self, kind: str, **fields: object) -> dict[str, Any]:
        await self.send(kind, **fields)
        error: dict[str, Any] = (await self.until("error"))["error"]
        return error

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def order(self) -> list[str]:
        """Types of the events in order, each run of deltas as one, short."""
        kinds = [
            "delta" if kind.endswith(".delta") else kind
            for kind in (event["type"] for event in self.events)
        ]
        return [kind for kind, _ in groupby(kinds)]

    def answer(self, response_id: str) -> Samples:
        """Return the sound of one answer."""
        pcm = b"".join(
            base64.b64decode(event["delta"])
            for event in self.of("response.audio.delta")
            if event["response_id"] == response_id
        )
        return np.frombuffer(pcm, "<i2")

    def heard(self) -> list[str]:
        """Return what the service recognised, in the order of the turns."""
        kind = "conversation.item.input_audio_transcription.completed"
        told = {event["item_id"]: event["transcript"] for event in self.of(kind)}
        turns = [event["item_id"] for event in self.of("input_audio_buffer.committed")]
        return [told[item_id] for item_id in turns if item_id in told]


def message(text: str, **fields: object) -> dict[str, Any]:
    """Return a message of the user."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **fields}


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


@asynccontextmanager
async def client_of(
    port: int,
    *,
    model: str = "gpt-realtime",
    query: Mapping[str, str] | None = None,
    **session: Any,
) -> AsyncIterator[Client]:
    """Connect, and update the session with `session` if it is given."""
    async with connect(
        endpoint=f"http://127.0.0.1:{port}",
        credential=AzureKeyCredential(KEY),
        model=model,
        query=query,
    ) as connection:
        client = Client(connection)
        await client.until("session.created")
        if session:
            await client.send("session.update", session=session)
            await client.until("session.updated")
        client.opening, client.events = client.events, []
        yield client


def talk(
    port: int, conversation: Callable[[Client], Coroutine[Any, Any, None]], **session: Any
) -> Client:
    """Hold a conversation in a session with these settings; return the client."""

    async def hold() -> Client:
        async with client_of(port, **session) as client:
            await conversation(client)
            return client

    return asyncio.run(hold())


def read_wav(path: Path) -> tuple[Samples, int]:
    samples, rate_hz = soundfile.read(path, dtype="int16")
    return samples, rate_hz


def sample_sentences() -> list[Samples]:
    """Cut the project's own spoken sample at its pauses."""
    samples, rate_hz = read_wav(SAMPLE_WAV)
    spoken = np.flatnonzero(samples)
    pauses = np.flatnonzero(np.diff(spoken) > rate_hz)
    starts = [spoken[0], *spoken[pauses + 1]]
    ends = [*spoken[pauses], spoken[-1]]
    return [samples[start : end + 1] for start, end in zip(starts, ends, strict=True)]
