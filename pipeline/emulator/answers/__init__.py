"""From words to spoken answers."""
