"""Events and their fields as they travel: made, read and checked."""
