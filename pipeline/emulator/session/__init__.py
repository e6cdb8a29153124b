"""One client's session: its configuration, and which events answer which."""
