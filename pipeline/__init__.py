"""A voice client for Azure Voice Live that can be interrupted at any moment."""

__version__ = "0.1.0"
