"""The protocol of Voice Live: what a session is, and which events answer which."""
