"""The offline service, asked directly: to say something, and what it hears in a recording."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import numpy as np

from pipeline.bench.ears.sounds import from_onset, pcm16, silence, sound_of
from pipeline.bench.voice_server import PATH
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError
from pipeline.ipc.processes import ChildProcesses
from pipeline.pcm import PCM16, SAMPLE_RATE_HZ, Samples, Sound

T = TypeVar("T")

_CHUNK_SAMPLES = SAMPLE_RATE_HZ // 10
_TIMEOUT_S = 90.0
"""Models have to be loaded first."""
_QUIET_MS = 1_200
"""Ends the last turn of a recording."""


class OfflineVoice:
    """A service that answers at the endpoint of `settings`.

    :param children: holds its process; asked whether it has failed.
    """

    def __init__(self, settings: Settings, children: ChildProcesses) -> None:
        self._settings = settings
        self._children = children

    def say(self, *texts: str) -> list[Sound]:
        """Return each text as speech, without silence before and after it."""
        return self._run(self._say(texts))

    def understand(self, *recordings: Sound) -> list[str]:
        """Return the words of each recording, taken as one turn."""
        return self._run(self._understand(recordings))

    def hears_at(self, recording: Samples) -> list[int]:
        """Return the samples at which the service notices that a person begins to speak."""
        return self._run(self._hears_at(recording))

    def _run(self, asked: Coroutine[Any, Any, T]) -> T:
        """:raises PipelineError: the service has ended, or does not answer."""
        try:
            return asyncio.run(asked)
        except (TimeoutError, aiohttp.ClientError) as error:
            self._check()
            raise PipelineError(f"The offline service does not answer ({error}).") from error
        finally:
            self._check()

    def _check(self) -> None:
        while list(self._children.reports(0)):
            pass  # failures are raised; other reports do not matter here

    async def _say(self, texts: tuple[str, ...]) -> list[Sound]:
        async with self._session(turn_detection=None) as session:
            return [from_onset(sound_of(await session.say(text))) for text in texts]

    async def _understand(self, recordings: tuple[Sound, ...]) -> list[str]:
        async with self._session(turn_detection=None) as session:
            return [await session.transcript(pcm16(sound)) for sound in recordings]

    async def _hears_at(self, recording: Samples) -> list[int]:
        detection = {"type": "server_vad", "create_response": False, "prefix_padding_ms": 0}
        async with self._session(turn_detection=detection) as session:
            return await session.speech_starts(recording)

    @asynccontextmanager
    async def _session(self, *, turn_detection: object) -> AsyncIterator["_Session"]:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(aiohttp.ClientSession())
            socket = await stack.enter_async_context(
                client.ws_connect(
                    f"{self._settings.endpoint}{PATH}?model=gpt-realtime&api-version=2026-07-15",
                    headers={"api-key": self._settings.api_key or ""},
                    max_msg_size=0,
                )
            )
            await stack.enter_async_context(asyncio.timeout(_TIMEOUT_S))
            session = _Session(socket)
            await session.send(
                "session.update",
                session={
                    "modalities": ["text", "audio"],
                    "turn_detection": turn_detection,
                    "input_audio_transcription": {"model": "whisper-1"},
                },
            )
            await session.event("session.updated")
            yield session


class _Session:
    """One connection; events come in the order in which they are awaited."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        await self._socket.send_str(json.dumps({"type": kind, **fields}))

    async def event(
        self, *kinds: str, other: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> dict[str, Any]:
        """Return the next event of one of these kinds; `other` is given the events before it.

        :raises PipelineError: the service refuses something, or leaves.
        """
        async for message in self._socket:
            event: dict[str, Any] = json.loads(message.data)
            if event["type"] in kinds:
                return event
            if event["type"] == "error":
                raise PipelineError(f"The offline service says: {event['error']['message']}")
            other(event)
        raise PipelineError("The offline service closed the connection.")

    async def say(self, text: str) -> Samples:
        pieces: list[bytes] = []

        def collect(event: dict[str, Any]) -> None:
            if event["type"] == "response.audio.delta":
                pieces.append(base64.b64decode(event["delta"]))

        message = {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
        }
        await self.send("response.create", response={"pre_generated_assistant_message": message})
        await self.event("response.done", other=collect)
        return np.frombuffer(b"".join(pieces), PCM16)

    async def transcript(self, samples: Samples) -> str:
        """Return the words of `samples`; none if the service cannot recognise words."""
        await self._append(samples)
        await self.send("input_audio_buffer.commit")
        kind = "conversation.item.input_audio_transcription"
        recognised = await self.event(f"{kind}.completed", f"{kind}.failed")
        return str(recognised.get("transcript", ""))

    async def speech_starts(self, samples: Samples) -> list[int]:
        found: list[int] = []

        def note(event: dict[str, Any]) -> None:
            if event["type"] == "input_audio_buffer.speech_started":
                found.append(event["audio_start_ms"] * SAMPLE_RATE_HZ // 1_000)

        await self._append(np.concatenate([samples, pcm16(silence(_QUIET_MS))]))
        await self.send("input_audio_buffer.clear")
        await self.event("input_audio_buffer.cleared", other=note)
        return found

    async def _append(self, samples: Samples) -> None:
        for start in range(0, samples.size, _CHUNK_SAMPLES):
            chunk = samples[start : start + _CHUNK_SAMPLES].tobytes()
            audio = base64.b64encode(chunk).decode("ascii")
            await self.send("input_audio_buffer.append", audio=audio)
