"""Recognise that the loudspeaker is not heard: by how little of it the linear canceller finds."""

from pipeline.ears.blocks import BLOCKS_PER_S

_SILENT_BELOW = 10 ** (-38 / 10)
_HEARD_ABOVE = 10 ** (-34 / 10)
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
        silent = self._echo_power < _SILENT_BELOW * self._reference_power
        self._silent_blocks = self._silent_blocks + 1 if silent else 0
        if self._silent_blocks >= _CONFIRMING_BLOCKS:
            self.worn = True
        elif self._echo_power > _HEARD_ABOVE * self._reference_power:
            self.worn = False
