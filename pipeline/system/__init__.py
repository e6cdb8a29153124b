"""What the operating system is asked for: priorities, memory, an event loop, streams, signals."""
