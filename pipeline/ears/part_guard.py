"""Parts that fail say so in one way, however they fail: they are libraries, and other people's."""

import math
from types import TracebackType

import numpy as np

from pipeline.ears.blocks import BLOCK_16K_SAMPLES, Block
from pipeline.ears.detectors import Detector
from pipeline.ears.suppressor import Suppressor

_TRIAL_BLOCKS = 10
"""Of each sound; every detector's window is shorter."""
_TRIAL_LEVEL = 0.1
_SPEECH = 0.5


class PartFailedError(Exception):
    """A part raised, or gave something else than it should.

    :ivar package: where the part comes from.
    """

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} fails")
        self.package = package


_NO_FAILURES = (PartFailedError, KeyboardInterrupt, SystemExit)


class PartGuard:
    """Turns all that is raised within it into `PartFailedError`.

    What Rust calls a panic is no `Exception`.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, _NO_FAILURES):
            raise PartFailedError(self._package) from error


class GuardedDetector:
    """A detector whose likelihoods are likelihoods."""

    def __init__(self, package: str, detector: Detector) -> None:
        self._guard = PartGuard(package)
        self._detector = detector

    def keep(self, block: Block) -> None:
        with self._guard:
            self._detector.keep(block)

    def likelihood(self) -> float:
        with self._guard:
            likelihood = self._detector.likelihood()
            if not 0 <= likelihood <= 1:
                raise ValueError(f"its likelihood is {likelihood}, expected 0 to 1")
        return likelihood

    def begin_anew(self) -> None:
        with self._guard:
            self._detector.begin_anew()


class GuardedSuppressor:
    """A suppressor whose sound is sound."""

    def __init__(self, package: str, suppressor: Suppressor) -> None:
        self._guard = PartGuard(package)
        self._suppressor = suppressor

    def suppress(self, microphone: Block, reference: Block) -> Block:
        with self._guard:
            suppressed = self._suppressor.suppress(microphone, reference)
            if suppressed.shape != microphone.shape:
                raise ValueError(f"its block has the shape {suppressed.shape}")
            if not math.isfinite(np.dot(suppressed, suppressed)):
                raise ValueError("its block is not finite")
        return suppressed


def try_detector(detector: Detector) -> None:
    """Let it hear noise, then silence; raise `ValueError` if it takes that for speech."""
    likelihood = 0.0
    for block in _trial_blocks():
        detector.keep(block)
        likelihood = detector.likelihood()
    if likelihood >= _SPEECH:
        raise ValueError(f"silence is speech to it ({likelihood})")


def try_suppressor(suppressor: Suppressor) -> None:
    """Let it hear noise, then silence."""
    for block in _trial_blocks():
        suppressor.suppress(block, block)


def _trial_blocks() -> list[Block]:
    random = np.random.default_rng(0)
    noise = random.standard_normal((_TRIAL_BLOCKS, BLOCK_16K_SAMPLES), np.float32)
    silence = np.zeros_like(noise)
    return [*(noise * np.float32(_TRIAL_LEVEL)), *silence]
