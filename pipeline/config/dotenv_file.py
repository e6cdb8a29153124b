"""Read the nearest .env, and name the lines that cannot be read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dotenv import find_dotenv
from dotenv.parser import Binding, parse_stream

from pipeline.config.settings import PREFIX
from pipeline.errors import SettingsError

_COLON = re.compile(r"(?:export\s+)?['\"]?\w+['\"]?\s*:")
_EXPECTED = "expected NAME=value"


class DotenvFile(NamedTuple):
    """Names and values of a .env, and sentences about lines that are ignored."""

    values: dict[str, str]
    warnings: list[str]


def read_dotenv() -> DotenvFile:
    """Read the nearest .env, in this folder or a parent.

    Values are taken as written: a dollar sign in a key must survive.

    :raises SettingsError: it cannot be read, or a line with a setting of this program cannot.
    """
    path = find_dotenv(usecwd=True)
    folders = list(_folder_warnings(Path.cwd() / ".env"))
    if not path:
        return DotenvFile({}, folders)
    try:
        with Path(path).open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    values = {each.key: each.value for each in bindings if each.key and each.value is not None}
    return DotenvFile(values, [*folders, *_warnings(path, bindings)])


def _folder_warnings(path: Path) -> Iterator[str]:
    """Yield a sentence if `path` is a folder, unless it is a virtual environment's."""
    if path.is_dir() and not (path / "pyvenv.cfg").exists():
        yield f"{path} is ignored: it is a folder, expected a file with lines of NAME=value."


def _warnings(path: str, bindings: list[Binding]) -> Iterator[str]:
    """Yield a sentence about each line that only other programs may understand."""
    for binding in bindings:
        text = binding.original.string
        fault = _fault(binding, text.strip())
        if fault is None:
            continue
        line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        where = f"{path}, line {line}"
        if PREFIX in text.upper():
            raise SettingsError(f"{where}: {fault}.")
        yield f"{where} is ignored: {fault}."


def _fault(binding: Binding, text: str) -> str | None:
    """Return what is wrong with a line. It is never shown: it may hold a key."""
    if _COLON.match(text):
        return f"it has a colon after the name, {_EXPECTED}"
    if binding.error and any(quote in text for quote in "'\""):
        return f"a quote is not closed, or text follows it, {_EXPECTED} or NAME='value'"
    if binding.error:
        return f"it is not a setting, {_EXPECTED}"
    if binding.value is None and text.upper().removeprefix("EXPORT ").startswith(PREFIX):
        return f"it has no value, {_EXPECTED}"
    return None
