"""Choose the key of `serve`: from a flag, a file, the environment or .env."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import SettingsError

ENVIRONMENT = "OFFLINE_KEY"
_MOST_BYTES = 4_096


def choose_key(
    typed: str | None, file: str | None, environment: Mapping[str, str], dotenv: Mapping[str, str]
) -> str | None:
    """Return the key; None if none is given.

    :raises SettingsError: it cannot be used, or both `typed` and `file` are given.
    """
    if typed is not None and file is not None:
        raise SettingsError("--key and --key-file are both given: leave one of them out.")
    if typed is not None:
        return _checked(typed, "--key")
    if file is not None:
        return _checked(_first_line(file), f"--key-file {file}")
    if ENVIRONMENT in environment:
        return _checked(environment[ENVIRONMENT], ENVIRONMENT)
    if ENVIRONMENT in dotenv:
        return _checked(dotenv[ENVIRONMENT], f"{ENVIRONMENT} in .env")
    return None


def _first_line(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            lines = stream.read(_MOST_BYTES).decode("utf-8-sig").strip().splitlines()
    except OSError as error:
        raise SettingsError(f"--key-file {file} cannot be read: {error.strerror}.") from None
    except UnicodeError:
        raise SettingsError(f"--key-file {file} is not UTF-8 text.") from None
    if len(lines) > 1:
        raise SettingsError(f"--key-file {file} has several lines, expected the key alone.")
    return lines[0] if lines else ""


def _checked(key: str, source: str) -> str:
    if not key.strip():
        raise SettingsError(f"{source} is empty: give it a value or leave it out.")
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(
            f"{source} holds a character that an HTTP header cannot carry: choose another key."
        )
    if " " in key:
        raise SettingsError(f"{source} has a space, which keys never have: choose another key.")
    return key
