"""Read the weights of an ONNX model without onnxruntime, whose library takes 40 MB."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Weights = dict[str, npt.NDArray[np.float32]]

_VARINT, _LENGTH_DELIMITED = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_FLOAT = 1
# Field numbers in onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 4, 8, 9

_Field = tuple[int, int | memoryview]
"""Number and value: an integer, or the content of what has a length."""


def read_weights(path: Path) -> Weights:
    """Return the named float32 tensors of the model's main graph.

    :raises ValueError: the file is not an ONNX model
    """
    weights: Weights = {}
    try:
        for graph in _parts(memoryview(path.read_bytes()), _MODEL_GRAPH):
            for tensor in _parts(graph, _GRAPH_INITIALIZER):
                _add_tensor(tensor, weights)
    except (IndexError, KeyError) as error:
        raise ValueError(f"{path} is damaged") from error
    return weights


def _add_tensor(message: memoryview, weights: Weights) -> None:
    name, data_type, data = "", 0, memoryview(b"")
    shape: list[int] = []
    for number, value in _fields(message):
        if isinstance(value, int):
            if number == _TENSOR_DIMS:
                shape.append(value)
            elif number == _TENSOR_TYPE:
                data_type = value
        elif number == _TENSOR_NAME:
            name = bytes(value).decode("utf-8")
        elif number in {_TENSOR_RAW, _TENSOR_FLOATS}:
            data = value
    if data_type == _FLOAT:
        weights[name] = np.frombuffer(data, np.dtype("<f4")).astype(np.float32).reshape(shape)


def _parts(message: memoryview, number: int) -> Iterator[memoryview]:
    for field, value in _fields(message):
        if field == number and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            length, at = _varint(message, at)
        else:
            length = _FIXED_BYTES[wire_type]
        if at + length > len(message):
            raise IndexError
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
