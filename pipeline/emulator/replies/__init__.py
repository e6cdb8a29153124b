"""Where the words of an answer come from: rules on this machine, or a chat completions endpoint."""
