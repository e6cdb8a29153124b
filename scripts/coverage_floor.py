"""Check that branch coverage keeps its floor where memory order, sound and protocol meet.

Run it after a whole `pytest --cov --cov-report=`: it prints the coverage of each package, and exits
with 1 if one is below the floor. Only on Linux do all tests run, those at a sound card included;
elsewhere it only prints.
"""

import os
import sys
from pathlib import Path

from coverage import Coverage

FLOOR_PERCENT = 90
PACKAGES = ("shm", "network", "audio")


def main() -> int:
    coverage = Coverage()
    coverage.load()
    below = False
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for package in PACKAGES:
            percent = coverage.report(include=[f"pipeline/{package}/*"], file=nowhere)
            below |= percent < FLOOR_PERCENT
            print(f"branch coverage of {package}: {percent:.1f} %, floor {FLOOR_PERCENT} %")
    return int(below and sys.platform == "linux")


if __name__ == "__main__":
    sys.exit(main())
