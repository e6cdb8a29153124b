"""Decode the base64 of `input_audio_buffer.append`, yielding to other clients in between."""

import asyncio
import base64
import binascii

from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.wire.events import ClientError

_MOST_BYTES = 15 * 1024 * 1024
_SLICE_CHARACTERS = 1 << 16
"""About a second of sound, 0.3 ms of work. Its bytes are whole frames of every format."""


async def unpacked(audio: str, format_: InputFormat) -> list[bytes]:
    """Return the bytes in slices of whole frames; raise `ClientError`."""
    size = len(audio) // 4 * 3 - audio[-2:].count("=")
    if size > _MOST_BYTES:
        raise ClientError(
            "invalid_value", "The audio is longer than 15 MiB: append it in pieces.", "audio"
        )
    slices = []
    for at in range(0, len(audio), _SLICE_CHARACTERS):
        if at:
            await asyncio.sleep(0)
        is_last = at + _SLICE_CHARACTERS >= len(audio)
        slices.append(_decoded(audio[at : at + _SLICE_CHARACTERS], may_be_padded=is_last))
    format_.check_whole(sum(map(len, slices)))
    return slices


def _decoded(audio: str, *, may_be_padded: bool) -> bytes:
    try:
        data = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or (not may_be_padded and "=" in audio):
        raise ClientError("invalid_value", "The audio is not valid base64.", "audio")
    return data
