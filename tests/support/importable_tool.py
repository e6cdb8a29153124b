"""A function that another process can import."""

import os


def process_id() -> int:
    """Return the id of the process that runs this."""
    return os.getpid()
