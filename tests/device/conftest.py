import shutil
from collections.abc import Iterator

import pytest

from tests.support.jack_card import JackCard


@pytest.fixture(scope="session")
def card() -> Iterator[JackCard]:
    """A sound card at the pipeline's own rate."""
    with _started(24_000) as card:
        yield card


@pytest.fixture(scope="session")
def fast_card() -> Iterator[JackCard]:
    """A sound card that knows 48 kHz only."""
    with _started(48_000) as card:
        yield card


def _started(rate_hz: int) -> JackCard:
    if shutil.which("jackd") is None:
        pytest.skip("jackd, which is the sound card here, is not installed")
    return JackCard(rate_hz)
