"""Settings: their declarations, their sources, and the command-line options made from them."""
