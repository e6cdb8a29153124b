"""Recognise that the loudspeaker is not heard: by how little of it the linear canceller finds."""

from pipeline.ears.blocks import BLOCKS_PER_S, decibels

_SILENT_BELOW_DB = -38.0
_HEARD_ABOVE_DB = -34.0
_CONFIRMING_BLOCKS = 2 * BLOCKS_PER_S
_SMOOTHING = 1 / (0.5 * BLOCKS_PER_S)


class HeadphoneRecogniser:
    """Compares the power of the estimated echo with that of the reference."""

    def __init__(self) -> None:
        self.worn = False
        self._echo_power = 0.0
        self._reference_power = 0.0
        self._silent_blocks = 0

    def hear(self, echo_power: float, reference_power: float) -> None:
        """Take one block in which the far end sounds."""
        self._echo_power += _SMOOTHING * (echo_power - self._echo_power)
        self._reference_power += _SMOOTHING * (reference_power - self._reference_power)
        ratio_db = self.ratio_db
        self._silent_blocks = self._silent_blocks + 1 if ratio_db < _SILENT_BELOW_DB else 0
        if self._silent_blocks >= _CONFIRMING_BLOCKS:
            self.worn = True
        elif ratio_db > _HEARD_ABOVE_DB:
            self.worn = False

    @property
    def ratio_db(self) -> float:
        """Level of the estimated echo relative to the reference."""
        if self._reference_power <= 0:
            return 0.0
        return decibels(self._echo_power / self._reference_power)
