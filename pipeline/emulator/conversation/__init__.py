"""What was said in a session: its items, in order."""
