"""What passes between the supervisor and its child processes, and how they start and end."""
