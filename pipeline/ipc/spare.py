"""A process that has imported everything and waits for its work: it replaces one without a pause.

What the work needs comes with `Begin`, over the pipe. Sockets do not pass there, so the spare is
spawned with all that any work could need, and `Begin` names them by their number.
"""

import io
import os
import pickle
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from socket import socket
from typing import Any

from pipeline.ipc.child import load
from pipeline.ipc.commands import Begin
from pipeline.ipc.reports import Prepared, Report
from pipeline.system.scheduling import yield_processor


def main(
    pipe: "Connection[Report, Begin]",
    name: str,
    modules: tuple[str, ...],
    sockets: tuple[socket, ...],
) -> None:
    """Import `modules` while the processor is free, then wait for work, or for the end."""
    loading = threading.Thread(target=_load, args=(name, modules, pipe), daemon=True)
    loading.start()
    try:
        begin = pipe.recv()
    except (EOFError, OSError):
        # At once: the interpreter's own end is not safe while a thread loads native libraries.
        os._exit(0)
    loading.join()
    load(begin.module).main(pipe, *_unpacked(begin.args, sockets))


def begin(module: str, args: tuple[object, ...], sockets: Sequence[socket]) -> Begin:
    """Return the order to run ``module.main(pipe, *args)``; `sockets` as the spare has them."""
    return Begin(module, _packed(args, sockets))


def _load(name: str, modules: tuple[str, ...], pipe: "Connection[Report, Begin]") -> None:
    """In a thread of its own: on Linux a priority is a thread's, and only root may raise it again.

    The thread that works later has never given up its own.
    """
    yield_processor()
    try:
        for module in modules:
            load(module)
        pipe.send(Prepared(name))
    except BaseException:  # noqa: BLE001 - the system may refuse memory; nobody waits for a spare
        traceback.print_exc()
        os._exit(1)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, sockets: Sequence[socket]) -> None:
        super().__init__(file)
        self._sockets = sockets

    def persistent_id(self, obj: object) -> int | None:
        return self._sockets.index(obj) if isinstance(obj, socket) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, sockets: Sequence[socket]) -> None:
        super().__init__(file)
        self._sockets = sockets

    def persistent_load(self, number: int) -> socket:
        return self._sockets[number]


def _packed(args: tuple[object, ...], sockets: Sequence[socket]) -> bytes:
    file = io.BytesIO()
    _Pickler(file, sockets).dump(args)
    return file.getvalue()


def _unpacked(data: bytes, sockets: Sequence[socket]) -> tuple[Any, ...]:
    args: tuple[Any, ...] = _Unpickler(io.BytesIO(data), sockets).load()
    return args
