"""The built-in Voice Live service: real detection, recognition and speech on this machine alone."""
