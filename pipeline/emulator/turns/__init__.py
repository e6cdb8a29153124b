"""From appended sound to the user's turns and their words."""
