"""The tool of the conversation."""

import time


def slowly() -> str:
    """Take a moment."""
    time.sleep(1.5)
    return "done"
