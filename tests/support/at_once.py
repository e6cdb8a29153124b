"""Checks that mostly wait, held at the same time."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

Check = Callable[[Path], None]
"""Holds a conversation in a folder of its own, and looks at what came out of it."""

MOST = 3
"""Conversations at a time: together they keep one processor busy, and two at their beginning."""


def by_name(*checks: Check) -> dict[str, Check]:
    return {check.__name__: check for check in checks}


class Held:
    """What became of checks by their names.

    They are over before the first test looks at them, which would take them for its own leftovers.
    """

    def __init__(self, checks: Mapping[str, Check], folders: pytest.TempPathFactory) -> None:
        with ThreadPoolExecutor(MOST) as pool:
            self._held = {
                name: pool.submit(check, folders.mktemp("check")) for name, check in checks.items()
            }

    def look(self, name: str) -> None:
        """Raise what the check of that name raised."""
        self._held[name].result()
