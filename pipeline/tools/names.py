"""Names of functions, for another process."""

from typing import NamedTuple


class FunctionName(NamedTuple):
    """Where another process finds a function."""

    module: str
    qualified_name: str
