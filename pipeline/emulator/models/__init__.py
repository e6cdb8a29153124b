"""The models, and the threads in which they work."""
