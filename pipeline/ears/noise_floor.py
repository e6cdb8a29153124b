"""The level of what is always there, and how far a block rises above it."""

from pipeline.ears.blocks import BLOCKS_PER_S

_LOWEST_DB = -70.0
_RISE_DB_PER_BLOCK = 3.0 / BLOCKS_PER_S
_ABOVE_QUIET_DB = 3.0


class NoiseFloor:
    """Falls at once and rises by 3 dB a second, in dBFS."""

    def __init__(self) -> None:
        self._floor_db = _LOWEST_DB

    def rise_db(self, level_db: float) -> float:
        """Return how far `level_db`, the next block's level, lies above the floor."""
        self._floor_db += _RISE_DB_PER_BLOCK
        if level_db < self._floor_db:
            self._floor_db = max(_LOWEST_DB, min(self._floor_db, level_db + _ABOVE_QUIET_DB))
        return level_db - self._floor_db
