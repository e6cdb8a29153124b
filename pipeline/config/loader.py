"""Load settings: flags over environment over .env, with every value checked."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.config.combinations import check_combinations
from pipeline.config.endpoint import parse_endpoint
from pipeline.config.settings import PREFIX, Option, Settings, options
from pipeline.errors import SettingsError

_RETIRED_MODELS = ("gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview")
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

    :param flags: what was typed, by field name: `str`, `bool` for a switch, `int` for a counted
        flag (0 if absent), `None` if absent.
    :raises SettingsError: a value cannot be used.
    """
    values: dict[str, Any] = {}
    for option in options():
        typed = flags.get(option.name)
        if isinstance(typed, bool):
            values[option.name] = typed
        elif isinstance(typed, int) and typed:
            values[option.name] = min(typed, int(option.maximum))
        elif isinstance(typed, tuple) and typed:
            values[option.name] = tuple(parse(option, text, option.flag) for text in typed)
        elif isinstance(typed, str):
            values[option.name] = parse(option, typed, option.flag)
        elif (named := _find_named(option, environment, dotenv)) is not None:
            values[option.name] = _parse_named(option, *named)
    settings = Settings(**values)
    unknown = [
        *_unknown_names("The environment", environment),
        *_unknown_names(".env", dotenv),
    ]
    check_sign_in(settings, unknown)
    check_combinations(settings)
    warnings = [
        *unknown,
        *_endpoint_hints(flags, environment, dotenv),
        *_hints(settings),
    ]
    return Loaded(settings, warnings)


def _find_named(
    option: Option, environment: Mapping[str, str], dotenv: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return an option's value in the environment or .env, and the name of its source."""
    name = option.environment
    if name in environment:
        return environment[name], name
    return (dotenv[name], f"{name} in .env") if name in dotenv else None


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
    if option.kind is bool or (option.counted and not text.isdecimal()):
        return _parse_bool(text, source)
    if option.choices and text not in option.choices:
        expected = ", ".join(option.choices)
        raise SettingsError(
            f"{source} is {text!r}, expected one of {expected}{suggestion(text, option.choices)}"
        )
    if option.kind is not str:
        return _parse_number(option, text, source)
    if option.name == "endpoint":
        return parse_endpoint(text, source).address
    if _names_file(option, raw):
        return raw  # whose name may begin with a space
    if option.secret and (not text.isascii() or not text.isprintable() or " " in text):
        raise SettingsError(
            f"{source} has a space, a control character or one outside ASCII, which keys never "
            "have: copy the key again."
        )
    return text


def _names_file(option: Option, raw: str) -> bool:
    if option.name in ("input", "output"):
        return raw.lower().endswith(".wav")
    return option.name in ("record", "tools")


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


def check_sign_in(settings: Settings, unknown: Iterable[str]) -> None:
    """Refuse a sign-in with a key if there is none; `unknown` may tell why it was not found."""
    if not settings.uses_offline_service and settings.uses_api_key and settings.api_key is None:
        sentence = (
            f"{PREFIX}USE_API_KEY is true, but no key is set: set {PREFIX}API_KEY, "
            "or use --no-use-api-key to sign in with Microsoft Entra."
        )
        raise SettingsError(" ".join((sentence, *unknown)))


def _unknown_names(where: str, names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence about each name that is written like a setting, or nearly, and is none."""
    known = [option.environment for option in options()]
    for name in names:
        if name not in known and _resembles_a_setting(name.upper(), known):
            yield f"{where} has {name}, which is not a setting{suggestion(name.upper(), known)}"


def _resembles_a_setting(name: str, known: list[str]) -> bool:
    if name.startswith(PREFIX):
        return True
    return "VOICE" in name and bool(difflib.get_close_matches(name, known, n=1, cutoff=0.9))


def _endpoint_hints(
    flags: Mapping[str, object], environment: Mapping[str, str], dotenv: Mapping[str, str]
) -> Iterator[str]:
    """Yield a sentence if more than an address was given as the endpoint that takes effect."""
    option = next(each for each in options() if each.name == "endpoint")
    typed = flags.get(option.name)
    named = _find_named(option, environment, dotenv)
    text, source = (typed, option.flag) if isinstance(typed, str) else named or (None, "")
    if text is not None and (hint := parse_endpoint(text.strip(), source).hint):
        yield hint


def _hints(settings: Settings) -> list[str]:
    hints = []
    if settings.model in _RETIRED_MODELS:
        hints.append(f"The model {settings.model} is retired: use gpt-realtime instead.")
    if settings.api_key is not None and settings.endpoint is None and not settings.offline:
        hints.append(
            f"{PREFIX}API_KEY is set, but {PREFIX}ENDPOINT is not: using the offline service."
        )
    return hints
