"""Events as lines of JSON, for a program that reads them."""

import json
import sys

from pipeline.ipc.event_json import as_json
from pipeline.ipc.events import Event


class JsonLines:
    """Prints each event as one JSON object a line, in ASCII.

    The schema is in docs/api.md.
    """

    def show(self, event: Event) -> None:
        """Print the event at once."""
        sys.stdout.write(json.dumps(as_json(event)) + "\n")
        sys.stdout.flush()

    def say(self, sentence: str) -> None:
        """Print nothing: a sentence of the command's own is not an event."""

    def tell_repeats(self) -> None:
        """Do nothing: every notice is printed."""

    def end(self) -> None:
        """Do nothing: nothing waits."""
