"""Sources of replies: rules on this machine, or a chat completions endpoint."""
