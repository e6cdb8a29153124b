"""Measured values: shown with `pytest -rP` or `-s`, never asserted."""


def show_measured(values: str) -> None:
    print(values)  # noqa: T201 - what this module is for
