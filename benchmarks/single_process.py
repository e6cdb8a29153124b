"""The usual single-process voice client, written anew, for comparison by `bench --compare`.

One process: asyncio and the SDK in the main thread, PyAudio-style callbacks on the card's threads,
`queue.Queue` between them.

    microphone callback ── run_coroutine_threadsafe ──▶ event loop ── append ──▶ service
    speaker callback ◀── queue.Queue ── event loop ◀── delta ── service

Each delta becomes one packet with a growing sequence number. An interruption raises the base below
which packets are skipped; the packet that has begun plays on to its end, and deltas that arrive
later get fresh numbers. Functions that the model calls run in the event loop. What the user heard
is not tracked, so nothing is truncated.

It runs on the virtual card of the project's own processes, behind the few calls of PyAudio that it
needs, and records what passes the device edge. It reports to `bench` in JSON lines on standard
output, and ends when its standard input is closed.
"""

import asyncio
import base64
import json
import os
import queue
import sys
import threading
from argparse import ArgumentParser, Namespace
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.ai.voicelive.models import (
    AudioInputTranscriptionOptions,
    AzureStandardVoice,
    FunctionCallOutputItem,
    InputAudioFormat,
    Modality,
    OutputAudioFormat,
    RequestSession,
    ServerEventType,
    ServerVad,
)
from azure.core.credentials import AzureKeyCredential

from pipeline.audio.wav import WavMicrophone, WavSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.bench.gil_holding_tool import hold
from pipeline.pcm import PCM16, SAMPLE_BYTES, Samples, ms_to_samples
from pipeline.shm.state import SharedState
from pipeline.system.realtime import AUDIO_PRIORITY
from pipeline.system.scheduling import promote_this_thread

CONTINUE = 0
"""PyAudio's paContinue."""

REPORT_EVERY_S = 0.1
"""Time between reports of late card periods."""

Missed = dict[str, XrunLog]
InputCallback = Callable[[bytes, int, Any, int], tuple[bytes | None, int]]
OutputCallback = Callable[[bytes | None, int, Any, int], tuple[bytes, int]]


class VirtualCard:
    """PyAudio's two kinds of stream over WAV files: same callbacks, exact clock."""

    def __init__(self, arguments: Namespace, missed: Missed) -> None:
        period_samples = ms_to_samples(arguments.period_ms)
        self._microphone = WavMicrophone(arguments.input, period_samples, missed["microphone"])
        self._speaker = WavSpeaker(arguments.output, period_samples, missed["speaker"])

    def open_input(self, callback: InputCallback) -> None:
        def on_period(pcm: bytes, _captured_at_ns: int) -> None:
            callback(pcm, len(pcm) // SAMPLE_BYTES, None, 0)

        self._microphone.start(on_period, _promote_thread)
        report(part="microphone", start_ns=self._microphone.clock_start_ns)

    def open_output(self, callback: OutputCallback) -> None:
        def render(out: Samples, _sounds_at_ns: int) -> None:
            pcm, _ = callback(None, len(out), None, 0)
            out[:] = np.frombuffer(pcm, PCM16)

        self._speaker.start(render, _promote_thread)
        report(part="speaker", start_ns=self._speaker.clock_start_ns)

    def close(self) -> None:
        self._microphone.close()
        self._speaker.close()


def _promote_thread() -> None:
    """A card's own thread has real-time scheduling, whatever the program does."""
    promote_this_thread(AUDIO_PRIORITY)


@dataclass(frozen=True, slots=True)
class Packet:
    sequence: int
    pcm: bytes


class AudioProcessor:
    """Microphone to the service, answers to the speaker."""

    def __init__(self, connection: VoiceLiveConnection, card: VirtualCard) -> None:
        self._connection = connection
        self._card = card
        self._loop = asyncio.get_running_loop()
        self._packets: queue.Queue[Packet] = queue.Queue()
        self._next_sequence = 0
        self._base = 0
        self._begun = b""

    def start_capture(self) -> None:
        self._card.open_input(self._on_microphone)

    def start_playback(self) -> None:
        self._card.open_output(self._on_speaker)

    def queue_audio(self, pcm: bytes) -> None:
        self._packets.put(Packet(self._take_sequence(), pcm))

    def skip_pending_audio(self) -> None:
        self._base = self._take_sequence()

    def _take_sequence(self) -> int:
        self._next_sequence += 1
        return self._next_sequence

    def _on_microphone(
        self, pcm: bytes, _frames: int, _time: object, _status: int
    ) -> tuple[bytes | None, int]:
        audio = base64.b64encode(pcm).decode("ascii")
        asyncio.run_coroutine_threadsafe(
            self._connection.input_audio_buffer.append(audio=audio), self._loop
        )
        return None, CONTINUE

    def _on_speaker(
        self, _pcm: bytes | None, frames: int, _time: object, _status: int
    ) -> tuple[bytes, int]:
        wanted = frames * SAMPLE_BYTES
        out = self._begun[:wanted]
        self._begun = self._begun[wanted:]
        while len(out) < wanted:
            try:
                packet = self._packets.get_nowait()
            except queue.Empty:
                return out + bytes(wanted - len(out)), CONTINUE
            if packet.sequence < self._base:
                continue
            missing = wanted - len(out)
            out += packet.pcm[:missing]
            self._begun = packet.pcm[missing:]
        return out, CONTINUE


async def converse(arguments: Namespace, missed: Missed) -> None:
    """Talk with the service until it ends the session."""
    credential = AzureKeyCredential(os.environ["AZURE_VOICELIVE_API_KEY"])
    async with connect(
        endpoint=arguments.endpoint, credential=credential, model=arguments.model
    ) as connection:
        with closing(VirtualCard(arguments, missed)) as card:
            await connection.session.update(session=session())
            audio = AudioProcessor(connection, card)
            async for event in connection:
                await handle(event, audio, connection)


async def handle(event: Any, audio: AudioProcessor, connection: VoiceLiveConnection) -> None:  # noqa: ANN401 - the SDK's models are dynamic
    match event.type:
        case ServerEventType.SESSION_UPDATED:
            audio.start_playback()
            audio.start_capture()
        case ServerEventType.INPUT_AUDIO_BUFFER_SPEECH_STARTED:
            audio.skip_pending_audio()
        case ServerEventType.RESPONSE_AUDIO_DELTA:
            audio.queue_audio(event.delta)
        case ServerEventType.RESPONSE_FUNCTION_CALL_ARGUMENTS_DONE:
            hold()
            await connection.conversation.item.create(
                item=FunctionCallOutputItem(call_id=event.call_id, output="done")
            )


def session() -> RequestSession:
    return RequestSession(
        modalities=[Modality.TEXT, Modality.AUDIO],
        instructions="You are a helpful voice assistant.",
        voice=AzureStandardVoice(name="en-US-AvaNeural"),
        input_audio_format=InputAudioFormat.PCM16,
        output_audio_format=OutputAudioFormat.PCM16,
        input_audio_transcription=AudioInputTranscriptionOptions(model="azure-speech"),
        turn_detection=ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500),
    )


def report(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


async def until_stdin_ends(arguments: Namespace, missed: Missed) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True
    ).start()
    talking = asyncio.create_task(converse(arguments, missed))
    stopping = asyncio.create_task(ended.wait())
    while not (talking.done() or stopping.done()):
        await asyncio.wait({talking, stopping}, timeout=REPORT_EVERY_S, return_when=FIRST_COMPLETED)
        for part, periods in missed.items():
            report(part=part, missed=periods.take())
    talking.cancel()
    stopping.cancel()
    await asyncio.wait({talking, stopping})
    if not talking.cancelled():
        talking.result()


def main() -> None:
    parser = ArgumentParser(description="The usual single-process voice client, on WAV files.")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--input", required=True, type=Path, help="WAV file that speaks")
    parser.add_argument("--output", required=True, type=Path, help="WAV file that records")
    parser.add_argument("--model", default="gpt-realtime")
    parser.add_argument("--period-ms", type=float, default=50.0, help="the usual 1200 samples")
    arguments = parser.parse_args()
    with SharedState.create() as state:
        missed = {
            "microphone": XrunLog(state.capture.input_overruns),
            "speaker": XrunLog(state.playback.output_underruns),
        }
        asyncio.run(until_stdin_ends(arguments, missed))


if __name__ == "__main__":
    main()
