"""Responses: which comes when, and their events and sound."""
