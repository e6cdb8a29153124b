"""Replies streamed by any OpenAI-compatible chat completions endpoint, such as Ollama's."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import aiohttp
from yarl import URL

from pipeline.emulator.replies.chat_answer import ChatAnswer, broken
from pipeline.emulator.replies.chat_messages import request_body
from pipeline.emulator.replies.source import FunctionCall, Prompt, ReplyCutError, ReplyFailedError
from pipeline.emulator.replies.sse import EventStream
from pipeline.errors import SettingsError
from pipeline.system.certificates import load_certificates

SILENCE_S = 60.0
"""Longest silence of an endpoint: it may have to load its model first."""

_CONNECTING_S = 10.0
_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
_UNAUTHORIZED = (401, 403)


class ChatReplies:
    """A source of replies; enter its context before use."""

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        key: str | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Take the address of the API, such as `http://127.0.0.1:11434/v1`.

        `model` None means the first model that the endpoint lists. `key` is sent as a bearer token.
        Raises `SettingsError` if `url` is not an address.
        """
        self._url = _checked(url)
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECTING_S, sock_read=silence_s
        )

    async def __aenter__(self) -> Self:
        if self._url.scheme == "https":
            load_certificates()
        self._http = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.close()

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str | FunctionCall, None]:
        answer = ChatAnswer()
        with _failures_told():
            body = request_body(self._model or await self._first_model(), prompt)
            async with self._request("POST", "chat/completions", json=body) as response:
                async for data in _events(response):
                    if text := answer.take(data):
                        yield text
        for call in answer.calls():
            yield call
        if (reason := _CUT.get(answer.finish_reason or "")) is not None:
            raise ReplyCutError(reason)

    async def _first_model(self) -> str:
        """Ask the endpoint for its models, once, and return the first."""
        async with self._request("GET", "models") as response:
            listed = await response.read()
        try:
            self._model = str(json.loads(listed)["data"][0]["id"])
        except (LookupError, TypeError, ValueError):
            raise ReplyFailedError(
                "reply_endpoint_error",
                "The reply endpoint lists no model: name one with --reply-model.",
            ) from None
        return self._model

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        **more: Any,  # noqa: ANN401 - as aiohttp takes it
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self._url / path
        # The key must not follow a redirection to another host.
        async with self._http.request(method, url, allow_redirects=False, **more) as response:
            if response.status in _UNAUTHORIZED:
                raise ReplyFailedError(
                    "reply_endpoint_unauthorized",
                    f"The reply endpoint refused the key (HTTP {response.status}).",
                )
            if response.status != 200:
                raise ReplyFailedError(
                    "reply_endpoint_error", f"The reply endpoint answered HTTP {response.status}."
                )
            yield response


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    stream = EventStream()
    async for piece in response.content.iter_any():
        for data in stream.feed(piece):
            yield data


@contextmanager
def _failures_told() -> Iterator[None]:
    """Turn errors of a request into `ReplyFailedError`; its sentences hold no secrets."""
    try:
        yield
    except TimeoutError:
        raise ReplyFailedError(
            "reply_endpoint_timeout", "The reply endpoint did not answer in time."
        ) from None
    except aiohttp.ClientConnectorError:
        raise ReplyFailedError(
            "reply_endpoint_unreachable", "The reply endpoint cannot be reached."
        ) from None
    except aiohttp.ClientError:
        raise broken("broke off") from None
    except ValueError:
        raise broken("does not hold chat completions") from None


def _checked(url: str) -> URL:
    try:
        address = URL(url)
    except ValueError:
        address = URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise SettingsError(
            "--reply-url is not an address, expected one such as http://127.0.0.1:11434/v1."
        )
    if address.user or address.password or address.query_string or address.fragment:
        raise SettingsError(
            "--reply-url has a user name, query or fragment: give only the address."
        )
    return address.with_path(address.path.rstrip("/").removesuffix("/chat/completions"))
