"""What a run can be told, and where it is read from."""
