"""Sound in the formats of the wire, as it is received and kept."""
