"""Requests to the operating system: priorities, memory, an event loop, streams, signals."""
