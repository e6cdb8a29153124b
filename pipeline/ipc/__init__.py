"""Commands and reports between the supervisor and its children, and how those start and end."""
