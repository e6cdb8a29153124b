"""Load settings: flags over environment over .env, with every value checked."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values, find_dotenv

from pipeline.config.settings import PREFIX, Option, Settings, options
from pipeline.errors import SettingsError

_RETIRED_MODELS = ("gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview")
_PATH_ADDED_BY_SDK = "/voice-live/realtime"
_SCHEMES = ("https", "http", "wss", "ws")
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")


class Loaded(NamedTuple):
    """Checked settings, and warnings to show."""

    settings: Settings
    warnings: list[str]


def load(
    flags: Mapping[str, object], environment: Mapping[str, str], dotenv: Mapping[str, str]
) -> Loaded:
    """Merge the three sources and check the values that take effect.

    :param flags: what was typed, by field name: `str`, `bool` for a switch, `None` if absent.
    :raises SettingsError: a value cannot be used.
    """
    values: dict[str, Any] = {}
    for option in options():
        typed = flags.get(option.name)
        if isinstance(typed, bool):
            values[option.name] = typed
        elif isinstance(typed, tuple) and typed:
            values[option.name] = tuple(parse(option, text, option.flag) for text in typed)
        elif isinstance(typed, str):
            values[option.name] = parse(option, typed, option.flag)
        elif option.environment in environment:
            raw = environment[option.environment]
            values[option.name] = _parse_named(option, raw, option.environment)
        elif option.environment in dotenv:
            raw = dotenv[option.environment]
            values[option.name] = _parse_named(option, raw, f"{option.environment} in .env")
    settings = Settings(**values)
    _check_sign_in(settings)
    return Loaded(settings, [*_unknown_names(dotenv), *_hints(settings)])


def read_dotenv() -> dict[str, str]:
    """Return the names and values of the nearest .env, in this folder or a parent.

    :raises SettingsError: it cannot be read.
    """
    path = find_dotenv(usecwd=True)
    if not path:
        return {}
    try:
        # Values are taken as written: a dollar sign in a key must survive.
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    return {name: value for name, value in values.items() if value is not None}


def _parse_named(option: Option, raw: str, source: str) -> object:
    """Parse a value of the environment or .env, which separates several paths as PATH does."""
    if not option.repeatable:
        return parse(option, raw, source)
    return tuple(parse(option, part, source) for part in raw.split(os.pathsep))


def parse(option: Option, raw: str, source: str) -> bool | int | float | str:
    """Convert `raw` to the option's type.

    :param source: where the value came from, for the sentence of an error.
    :raises SettingsError: the value cannot be used.
    """
    text = raw.strip()
    if not text:
        raise SettingsError(f"{source} is empty: give it a value or leave it out.")
    if option.kind is bool:
        return _parse_bool(text, source)
    if option.choices and text not in option.choices:
        expected = ", ".join(option.choices)
        raise SettingsError(
            f"{source} is {text!r}, expected one of {expected}{suggestion(text, option.choices)}"
        )
    if option.kind is not str:
        return _parse_number(option, text, source)
    if option.name == "endpoint":
        return _parse_endpoint(text, source)
    if option.secret and (not text.isascii() or not text.isprintable() or " " in text):
        raise SettingsError(
            f"{source} has a space, a control character or one outside ASCII, which keys never "
            "have: copy the key again."
        )
    return text


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" for the nearest known word, or a full stop if none is near."""
    nearest = difflib.get_close_matches(wrong, list(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else "."


def _parse_bool(text: str, source: str) -> bool:
    word = text.lower()
    if word not in _TRUE + _FALSE:
        raise SettingsError(f"{source} is {text!r}, expected true or false.")
    return word in _TRUE


def _parse_number(option: Option, text: str, source: str) -> int | float:
    what = "a whole number" if option.kind is int else "a number"
    expected = f"{what} from {option.range}" if option.range else what
    try:
        value = int(text) if option.kind is int else float(text)
    except ValueError:
        raise SettingsError(f"{source} is {text!r}, expected {expected}.") from None
    if not option.minimum <= value <= option.maximum:  # also refuses NaN
        raise SettingsError(f"{source} is {text}, expected {expected}.")
    return value


def _parse_endpoint(text: str, source: str) -> str:
    """Return `scheme://host[:port][/path]`, without the path that the SDK adds itself.

    The errors never show `text`: people paste addresses that hold a key, or the key itself.
    """
    expected = "expected an address such as https://NAME.services.ai.azure.com"
    if any(mark in text for mark in "@?#"):
        raise SettingsError(f"{source} has a user name, query or fragment: {expected}, no more.")
    if any(character.isspace() for character in text):
        raise SettingsError(f"{source} has a space in it: {expected}.")
    if "://" not in text:
        raise SettingsError(f"{source} does not start with https://: {expected}.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"{source} has no usable host and port: {expected}.") from None
    if parts.scheme not in _SCHEMES:
        raise SettingsError(f"{source} starts with {parts.scheme}://: {expected}.")
    if not _is_host(host) or port == 0:
        raise SettingsError(f"{source} has no usable host and port: {expected}.")
    path = parts.path.rstrip("/").removesuffix(_PATH_ADDED_BY_SDK).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_host(host: str | None) -> bool:
    return host is not None and re.fullmatch(r"[\w.:-]+", host) is not None


def _check_sign_in(settings: Settings) -> None:
    if not settings.uses_offline_service and settings.uses_api_key and settings.api_key is None:
        raise SettingsError(
            f"{PREFIX}USE_API_KEY is true, but no key is set: set {PREFIX}API_KEY, "
            "or use --no-use-api-key to sign in with Microsoft Entra."
        )


def _unknown_names(dotenv: Mapping[str, str]) -> list[str]:
    known = [option.environment for option in options()]
    return [
        f".env has {name}, which is not a setting{suggestion(name, known)}"
        for name in dotenv
        if name.startswith(PREFIX) and name not in known
    ]


def _hints(settings: Settings) -> list[str]:
    hints = []
    if settings.model in _RETIRED_MODELS:
        hints.append(f"The model {settings.model} is retired: use gpt-realtime instead.")
    if settings.api_key is not None and settings.endpoint is None and not settings.offline:
        hints.append(
            f"{PREFIX}API_KEY is set, but {PREFIX}ENDPOINT is not: using the offline service."
        )
    return hints
