"""What was said in a session: items, the user's turns, the speech of answers."""
