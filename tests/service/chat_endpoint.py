"""A small chat completions endpoint that streams the scripts of a test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Script = Callable[["Stream"], Awaitable[None]]


class Stream:
    """One answer under way."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        self._response = response
        self._request = request

    async def send(self, raw: str | bytes) -> None:
        await self._response.write(raw.encode() if isinstance(raw, str) else raw)

    async def chunk(self, *, finish_reason: str | None = None, **delta: object) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        await self.send(f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n")

    async def say(self, *words: str, finish_reason: str | None = "stop") -> None:
        """Stream words, then the end of the answer."""
        for word in words:
            await self.chunk(content=word)
        if finish_reason is not None:
            await self.chunk(finish_reason=finish_reason)
            await self.send("data: [DONE]\n\n")

    def abort(self) -> None:
        assert self._request.transport is not None
        self._request.transport.abort()


@dataclass
class ChatEndpoint:
    """Answers each request by the next of `scripts`, later requests by the last one."""

    scripts: list[Script]
    status: int = 200
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client leaves before its answer is complete."""

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        if self.status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await script(Stream(response, request))
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        return response

    async def list_models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "first"}, {"id": "second"}]})


@asynccontextmanager
async def serving(endpoint: ChatEndpoint) -> AsyncIterator[ChatEndpoint]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.complete)
    app.router.add_get("/v1/models", endpoint.list_models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
