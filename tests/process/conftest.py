"""What tests of whole processes share."""

import pytest

from tests.support.at_once import Held
from tests.support.leftovers import nothing_left


@pytest.fixture(scope="module")
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Held:
    """Return what became of the module's CHECKS; together they leave nothing behind."""
    with nothing_left():
        return Held(request.module.CHECKS, tmp_path_factory)
