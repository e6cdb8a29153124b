"""A browser as the sound card: ``.venv/bin/python examples/browser_bridge/server.py``.

Open the address that it prints, and talk. Each page has a conversation of its own:

    microphone ──▶ page ══ WebSocket ══▶ VoiceSession ══▶ the service of the settings
    loudspeaker ◀── page ◀═ WebSocket ══ VoiceSession

On the socket:

    page → server   bytes: PCM16 of the microphone
                    text: {"heard": [answer, position]}, what has sounded
    server → page   bytes: answer and position, 32 bits each, then PCM16
                    text: {"drop": [answer, position]}, or an event

A browser gives its microphone only to ``localhost`` and to pages of ``https://``. To serve others,
put a proxy with TLS and a login in front, and name its address with ``--origin``.
"""

import argparse
import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web

from pipeline import (
    AssistantDone,
    AssistantSaid,
    Event,
    Listening,
    MicrophoneInput,
    Notice,
    Opened,
    PipelineError,
    Processing,
    Ready,
    Settings,
    SoundBlock,
    SoundDrop,
    SoundError,
    SoundFormat,
    SpeakerOutput,
    UserSaid,
    VoiceSession,
    load_settings,
)

PAGE = Path(__file__).with_name("page.html")
SHOWN = (Opened, Listening, Processing, UserSaid, AssistantSaid, AssistantDone, Ready, Notice)
JOINED_S = 0.015
"""How long a block of 10 ms waits for the next one, to share a message with it."""
HEARTBEAT_S = 10.0
"""A browser that does not answer for so long is gone."""
MOST_BYTES = 1 << 16
"""In one message of a page."""
LEAVING_S = 2.0
"""How long the end waits for the conversations."""
PLACE = struct.Struct("<II")
Item = SoundBlock | SoundDrop
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; frame-ancestors 'none'"
)


class Conversation:
    """One page and its session."""

    def __init__(self, page: web.WebSocketResponse, settings: Settings, sound: SoundFormat) -> None:
        self._page = page
        self._left = asyncio.Event()
        self._session = VoiceSession(
            settings,
            microphone=MicrophoneInput(self._microphone(), sound),
            speaker=SpeakerOutput(format=sound, heard="confirmed"),
        )

    async def run(self) -> None:
        """Talk until the page leaves.

        :raises PipelineError: the conversation could not start, or broke off.
        """
        async with self._session:
            steps = {
                asyncio.create_task(step)
                for step in (self._left.wait(), self._tell(), self._play())
            }
            try:
                done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
                for step in done:
                    step.result()
            finally:
                for step in steps:
                    step.cancel()
                await asyncio.gather(*steps, return_exceptions=True)

    async def _microphone(self) -> AsyncIterator[bytes]:
        """Yield what the page hears. Nonsense ends the conversation, with a sentence."""
        try:
            async for message in self._page:
                if message.type is WSMsgType.BINARY:
                    yield message.data
                else:
                    self._session.speaker.heard_until(*json.loads(message.data)["heard"])
        finally:
            self._left.set()

    async def _tell(self) -> None:
        async for event in self._session:
            if isinstance(event, SHOWN):
                await say(self._page, event)

    async def _play(self) -> None:
        """Pass on the sound in order, so that a drop concerns all that was sent before it."""
        async for items in joined(self._session.speaker):
            for message in sound_messages(items):
                if isinstance(message, SoundDrop):
                    await self._page.send_json({"drop": message})
                else:
                    await self._page.send_bytes(message)


async def joined(items: AsyncIterator[Item]) -> AsyncIterator[list[Item]]:
    """Yield a block together with what follows it soon, and a drop without a delay."""
    async for item in items:
        found = [item]
        if isinstance(item, SoundBlock):
            with suppress(TimeoutError, StopAsyncIteration):
                async with asyncio.timeout(JOINED_S):
                    found.append(await anext(items))
        yield found


def sound_messages(items: list[Item]) -> Iterator[bytes | SoundDrop]:
    """Yield drops, and bytes for blocks: one message for two that follow each other."""
    match items:
        case [SoundBlock() as one, SoundBlock() as two] if (one.answer, one.end) == (
            two.answer,
            two.position,
        ):
            yield PLACE.pack(one.answer, one.position) + one.pcm + two.pcm
        case _:
            for item in items:
                if isinstance(item, SoundBlock):
                    yield PLACE.pack(item.answer, item.position) + item.pcm
                else:
                    yield item


class Server:
    """Gives out the page, and holds a conversation with each that asks for one.

    :param origins: where pages may come from. Any other page of the browser could listen else.
    :param most: number of conversations at a time; each has processes of its own.
    """

    def __init__(self, settings: Settings, origins: Iterable[str], most: int) -> None:
        self._settings = settings
        self._origins = frozenset(origins)
        self._most = most
        self._pages: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application()
        app.add_routes([web.get("/", self._give_page), web.get("/talk", self._talk)])
        app.on_shutdown.append(self._close)
        return app

    async def _give_page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE, headers={"Content-Security-Policy": POLICY})

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Origin") not in self._origins:
            raise web.HTTPForbidden(text="This page may not talk here.")
        try:
            sound = SoundFormat(int(request.query.get("rate", "")))
        except (ValueError, SoundError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        page = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MOST_BYTES, compress=False)
        await page.prepare(request)
        if len(self._pages) >= self._most:
            await page.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"All lines are busy.")
            return page
        self._pages.add(page)
        try:
            with suppress(ConnectionError):  # the page has left
                await self._converse(page, sound)
        finally:
            self._pages.discard(page)
            await page.close()
        return page

    async def _converse(self, page: web.WebSocketResponse, sound: SoundFormat) -> None:
        try:
            await Conversation(page, self._settings, sound).run()
        except PipelineError as error:
            await say(page, Notice(str(error)))

    async def _close(self, _: web.Application) -> None:
        for page in list(self._pages):
            await page.close(code=WSCloseCode.GOING_AWAY, message=b"The server has ended.")


async def say(page: web.WebSocketResponse, event: Event) -> None:
    """Tell the page of an event."""
    await page.send_json({"event": type(event).__name__, **asdict(event)})


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A browser as the sound card of a conversation.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8080, help="0: any (default: %(default)s)")
    parser.add_argument("--origin", action="append", default=[], help="another address of the page")
    parser.add_argument("--most", type=int, default=2, help="conversations (default: %(default)s)")
    given = parser.parse_args()
    listener = socket.create_server((given.host, given.port))
    port = listener.getsockname()[1]
    own = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1")]
    server = Server(load_settings(), [*own, *given.origin], given.most)
    print(f"Open {own[0]} in a browser; Ctrl-C ends.", flush=True)
    web.run_app(server.app(), sock=listener, print=None, shutdown_timeout=LEAVING_S)


if __name__ == "__main__":
    main()
