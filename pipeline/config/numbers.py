"""Ranges of numbers on the command line, refused with the sentence that the loader says."""

from typing import Any

import click

from pipeline.errors import SettingsError


class WholeNumber(click.IntRange):
    """A whole number within its bounds."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise _refused(value, param, "a whole number", self.min, self.max) from None


class Number(click.FloatRange):
    """A number within its bounds."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise _refused(value, param, "a number", self.min, self.max) from None


def _refused(
    value: object,
    param: click.Parameter | None,
    kind: str,
    minimum: float | None,
    maximum: float | None,
) -> SettingsError:
    flag = param.opts[0] if param else "The value"
    bounds = f"of at least {minimum:g}" if maximum is None else f"from {minimum:g} to {maximum:g}"
    return SettingsError(f"{flag} is {value!r}, expected {kind} {bounds}.")
