"""The encoding of protocol buffers, of which ONNX models are made."""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, LENGTH_DELIMITED = 0, 2
"""Wire types: an integer, and what has a length."""

_FIXED_BYTES = {1: 8, 5: 4}


class Field(NamedTuple):
    """One field of a message."""

    number: int
    wire_type: int
    whole: memoryview
    """With its number and its length."""
    payload: memoryview


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message.

    :raises IndexError, KeyError: it is damaged.
    """
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        wire_type = tag & 7
        if wire_type == LENGTH_DELIMITED:
            length, at = _varint(message, at)
        elif wire_type == VARINT:
            length = _varint(message, at)[1] - at
        else:
            length = _FIXED_BYTES[wire_type]
        end = at + length
        if end > len(message):
            raise IndexError
        yield Field(tag >> 3, wire_type, message[start:end], message[at:end])
        at = end


def integer(payload: memoryview) -> int:
    """Return the value of a field of type `VARINT`."""
    return _varint(payload, 0)[0]


def delimited(number: int, payload: bytes) -> bytes:
    """Return a whole field with a length."""
    return _as_varint(number << 3 | LENGTH_DELIMITED) + _as_varint(len(payload)) + payload


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the integer that begins `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
