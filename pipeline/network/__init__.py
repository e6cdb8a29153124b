"""The one process that speaks to the service."""
