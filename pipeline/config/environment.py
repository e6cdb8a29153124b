"""Settings for a program that uses the library."""

import os
import warnings
from dataclasses import replace
from typing import Any

from pipeline.config.checking import checked
from pipeline.config.dotenv_file import read_dotenv
from pipeline.config.loader import load
from pipeline.config.settings import Settings


def load_settings(**changes: Any) -> Settings:  # noqa: ANN401 - each of its setting's type
    """Return the settings of the environment and the nearest .env, with `changes`.

    What the command line would warn about is a warning of Python's.

    :raises SettingsError: a value cannot be used.
    """
    dotenv, ignored_lines = read_dotenv()
    settings, hints = load({}, dict(os.environ), dotenv)
    for sentence in (*ignored_lines, *hints):
        warnings.warn(sentence, stacklevel=2)
    return checked(replace(settings, **changes))
