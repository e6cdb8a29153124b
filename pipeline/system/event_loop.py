"""The fastest event loop that the system has."""

import asyncio
import sys


def event_loop() -> asyncio.AbstractEventLoop:
    """A new uvloop loop; on Windows asyncio's, the only one there that watches a plain socket."""
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop()
    import uvloop

    return uvloop.new_event_loop()
