"""Send an answer to the client: its words and their sound, at a limited pace."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pipeline.emulator.replies.source import FunctionCall, ReplyCutError
from pipeline.emulator.responses.playback import Playback
from pipeline.emulator.responses.response import Response
from pipeline.emulator.responses.speaking import TextToSpeech, speak
from pipeline.emulator.speech.alignment import deltas
from pipeline.emulator.speech.clauses import clauses
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.pcm import SAMPLE_RATE_HZ

TIMES_REAL_TIME = 16.0
"""How many times faster than real time the real service sends, by recordings."""
_MOST_UNSENT = 16

_Reply = AsyncGenerator[str | FunctionCall, None]


class Delivery:
    """Turns the parts of a reply into the events of its response, and sends them."""

    def __init__(
        self, speaker: TextToSpeech, sink: EventSink, playback: Playback, times_real_time: float
    ) -> None:
        self._speaker = speaker
        self._sink = sink
        self._playback = playback
        self._times_real_time = times_real_time

    async def deliver(self, reply: _Reply, response: Response, begun: asyncio.Event | None) -> None:
        """Send all of `reply`; raise `ReplyCutError` if it is longer than its options allow.

        :param begun: set with the first words or call
        """
        begun = begun or asyncio.Event()
        if response.speaks:
            await self._send_speech(reply, response, begun)
        else:
            await self._send_text(reply, response, begun)

    async def _send_text(self, reply: _Reply, response: Response, begun: asyncio.Event) -> None:
        async for part in reply:
            if isinstance(part, FunctionCall):
                await self._send_call(part, response, begun)
                continue
            await self._have_room(response, len(part))
            self._sink.put(*response.write(part))
            begun.set()
            await asyncio.sleep(0)

    async def _send_speech(self, reply: _Reply, response: Response, begun: asyncio.Event) -> None:
        pace = _Pace(self._times_real_time)
        async with aclosing(speak(self._speaker, clauses(reply))) as spoken:
            async for part, sound in spoken:
                if isinstance(part, FunctionCall):
                    await self._send_call(part, response, begun)
                    continue
                for delta in deltas(part, sound):
                    await self._have_room(response, len(delta.text), delta.sound.size)
                    self._sink.put(*response.say(delta))
                    self._playback.sent(response.message_id, delta.sound.size)
                    begun.set()
                    await pace.wait(delta.sound.size)

    async def _send_call(
        self, call: FunctionCall, response: Response, begun: asyncio.Event
    ) -> None:
        await self._have_room(response, len(call.arguments))
        self._sink.put(*response.call(call.name, call.arguments))
        begun.set()

    async def _have_room(self, response: Response, characters: int, samples: int = 0) -> None:
        """Wait until more may be sent; raise `ReplyCutError` if the answer is at its limit."""
        if not response.has_room_for(characters, samples):
            raise ReplyCutError("max_output_tokens")
        await self._sink.wait_for_room(_MOST_UNSENT)


class _Pace:
    """Limits sound to `times_real_time` times the speed of real time."""

    def __init__(self, times_real_time: float) -> None:
        self._times_real_time = times_real_time
        self._clock = asyncio.get_running_loop().time
        self._due_s = self._clock()

    async def wait(self, samples: int) -> None:
        """Wait for as long as sending `samples` may take, less the delay so far."""
        now_s = self._clock()
        self._due_s = max(self._due_s, now_s) + samples / SAMPLE_RATE_HZ / self._times_real_time
        await asyncio.sleep(self._due_s - now_s)
