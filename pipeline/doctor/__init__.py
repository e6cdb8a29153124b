"""The command `check`: looks at everything that a conversation needs, and says what to do."""
