"""From appended sound to turns with words."""
