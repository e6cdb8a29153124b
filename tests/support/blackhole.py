"""A network that swallows everything: connections stay open, and nothing passes any more."""

import asyncio
from typing import Self
from urllib.parse import urlsplit

from pipeline.bench.loop_thread import LoopThread


class Blackhole:
    """Forwards TCP connections to an endpoint, until `swallow`; those opened later pass again.

    :ivar endpoint: where clients connect.
    """

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._service = (address.hostname, address.port)
        self._loop = LoopThread()
        self._swallowed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def swallow(self) -> None:
        """Let nothing pass any more on the connections that are open."""
        self._loop.call(self._swallow())

    async def _swallow(self) -> None:
        self._swallowed.set()
        self._swallowed = asyncio.Event()  # of the connections to come

    def __enter__(self) -> Self:
        self._loop.__enter__()
        self._loop.call(self._open())
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call(self._close())
        self._loop.__exit__(*exc)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, service = await asyncio.open_connection(*self._service)
        swallowed = self._swallowed
        for source, sink in ((reader, service), (upstream, writer)):
            task = asyncio.create_task(_forward(source, sink, swallowed))
            self._tasks.add(task)


async def _forward(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, swallowed: asyncio.Event
) -> None:
    try:
        while data := await source.read(65_536):
            if not swallowed.is_set():
                sink.write(data)
                await sink.drain()
    except ConnectionError:
        pass  # one of the two has left
    finally:
        sink.close()
