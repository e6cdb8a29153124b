"""Responses: when each begins and ends, its events, its sound."""
