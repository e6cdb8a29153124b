"""Read the weights of an ONNX model without onnxruntime, whose library takes 40 MB."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.protobuf import VARINT, fields, integer

Weights = dict[str, npt.NDArray[np.float32]]

_FLOAT = 1
# Field numbers in onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 4, 8, 9


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
    for number, wire_type, _, payload in fields(message):
        if wire_type == VARINT:
            if number == _TENSOR_DIMS:
                shape.append(integer(payload))
            elif number == _TENSOR_TYPE:
                data_type = integer(payload)
        elif number == _TENSOR_NAME:
            name = bytes(payload).decode("utf-8")
        elif number in {_TENSOR_RAW, _TENSOR_FLOATS}:
            data = payload
    if data_type == _FLOAT:
        weights[name] = np.frombuffer(data, np.dtype("<f4")).astype(np.float32).reshape(shape)


def _parts(message: memoryview, number: int) -> Iterator[memoryview]:
    for field in fields(message):
        if field.number == number and field.wire_type != VARINT:
            yield field.payload
