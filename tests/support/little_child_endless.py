"""A module that takes for ever to load."""

import time

while True:
    time.sleep(60)
