"""A function as a user may write one: it returns nearly as much as the model is told."""


def fill() -> str:
    """Return 60,000 characters."""
    return "x" * 60_000
