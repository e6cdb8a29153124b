"""Read an endpoint as people paste it: reduce it to what is needed, or say what is expected.

No sentence shows the text that was given: people paste addresses that hold a key, or the key
itself.
"""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

from pipeline.errors import SettingsError

_PATH_ADDED_BY_SDK = "/voice-live/realtime"
_SCHEMES = ("https", "http", "wss", "ws")
_AZURE = ".azure.com"
_HARMLESS_IN_QUERY = {"api-version", "model"}
"""Names in a query that have a setting here. A query with others is refused: it may hold a key."""
_OTHER_APIS = re.compile(r"/(openai|api/projects)(/.*)?$")
"""Paths of a resource's other APIs, which portals show beside the address."""
_EXPECTED = "expected an address such as https://NAME.services.ai.azure.com"


class Endpoint(NamedTuple):
    """`scheme://host[:port][/path]`, and a sentence if more was given than is used."""

    address: str
    hint: str | None


def parse_endpoint(text: str, source: str) -> Endpoint:
    """Return the part of `text` that is needed, without the path that the SDK adds itself.

    :param source: where the text came from, for the sentences.
    :raises SettingsError: it is not an address.
    """
    parts = _checked(text, source)
    origin = f"{parts.scheme}://{parts.netloc}"
    given = parts.path.rstrip("/").removesuffix(_PATH_ADDED_BY_SDK).rstrip("/")
    path = "" if (parts.hostname or "").endswith(_AZURE) else _OTHER_APIS.sub("", given)
    ignored = [
        what
        for what, there in (
            ("path", path != given),
            ("query (choose --model and --api-version instead)", parts.query),
        )
        if there
    ]
    hint = None
    if ignored:
        used = origin if not path else "what stands before it"
        hint = f"{source} has a {' and a '.join(ignored)} that is not needed: using {used}."
    return Endpoint(origin + path, hint)


def _checked(text: str, source: str) -> SplitResult:
    if any(character.isspace() for character in text):
        raise SettingsError(f"{source} has a space in it: {_EXPECTED}.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"{source} has no usable host and port: {_EXPECTED}.") from None
    if any(mark in text for mark in "@#") or not _has_harmless_query(parts):
        raise SettingsError(f"{source} has a user name, query or fragment: {_EXPECTED}, no more.")
    if "://" not in text:
        raise SettingsError(f"{source} does not start with https://: {_EXPECTED}.")
    if parts.scheme not in _SCHEMES:
        raise SettingsError(f"{source} starts with an unknown scheme: {_EXPECTED}.")
    if not _is_host(host) or port == 0:
        raise SettingsError(f"{source} has no usable host and port: {_EXPECTED}.")
    return parts


def _has_harmless_query(parts: SplitResult) -> bool:
    return parse_qs(parts.query, keep_blank_values=True).keys() <= _HARMLESS_IN_QUERY


def _is_host(host: str | None) -> bool:
    return host is not None and re.fullmatch(r"[\w.:-]+", host) is not None
