"""Checks settings that a program has made itself: as strictly as the command line does."""

from dataclasses import replace
from typing import Any

from pipeline.config.combinations import check_combinations
from pipeline.config.loader import check_sign_in, parse
from pipeline.config.settings import Option, Settings, options
from pipeline.errors import SettingsError


def checked(settings: Settings) -> Settings:
    """Return `settings` as the command line would have made them.

    :raises SettingsError: a value has another type than its setting, or is out of range.
    """
    values = {
        option.name: _checked(option, value)
        for option in options()
        if (value := getattr(settings, option.name)) != option.default
    }
    settings = replace(settings, **values)
    check_sign_in(settings, ())
    check_combinations(settings)
    return settings


def _checked(option: Option, value: object) -> Any:  # noqa: ANN401 - of the option's type
    if not option.repeatable:
        return parse(option, _text_of(option, value), option.flag)
    if not isinstance(value, tuple):
        raise SettingsError(f"{option.flag} is {value!r}, expected a tuple.")
    return tuple(parse(option, _text_of(option, part), option.flag) for part in value)


def _text_of(option: Option, value: object) -> str:
    """Return the value as it would be typed."""
    kinds = (int, float) if option.kind is float else (option.kind,)
    if not isinstance(value, kinds) or (option.kind is not bool and isinstance(value, bool)):
        shown = "of a wrong type" if option.secret else repr(value)
        raise SettingsError(f"{option.flag} is {shown}, expected {option.kind.__name__}.")
    return str(value)
