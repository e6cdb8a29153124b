"""The fastest event loop of each system."""

import asyncio
import sys

if sys.platform != "win32":
    import uvloop


def event_loop() -> asyncio.AbstractEventLoop:
    """Return a new uvloop loop; on Windows asyncio's selector loop, which can watch a socket."""
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop()
    return uvloop.new_event_loop()
