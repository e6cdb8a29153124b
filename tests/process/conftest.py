from collections.abc import Iterator

import pytest

from tests.support.minute import Minute, minute_of_talk


@pytest.fixture(scope="session")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minute]:
    """Runs in the background from the first test that asks for it: nobody need wait for it."""
    with minute_of_talk(tmp_path_factory.mktemp("minute")) as talk:
        yield talk
