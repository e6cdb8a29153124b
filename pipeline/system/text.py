"""Text from outside: of the service, of tools, of device names. It may hold anything.

`encodable` is for what is sent on or written to a file, `printable` for a terminal or a log.
"""

import re

_SURROGATES = re.compile("[\ud800-\udfff]")

_ESCAPE_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # title, clipboard
    r"|\x1b[ -/]*[0-~]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile("[\n\t]+")
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"
    "\u202a-\u202e\u2066-\u206f"  # they reorder what is shown around them
    "\ufff9-\ufffb]"
)


def encodable(text: str) -> str:
    """Join the halves of surrogate pairs that meet; other halves become U+FFFD."""
    if text.isascii() or not _SURROGATES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def printable(text: str, *, keeps_lines: bool = False) -> str:
    """Remove what would steer a terminal: escape sequences, control and reordering characters.

    :param keeps_lines: keep line breaks and tabs; by default they become blanks.
    """
    if text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", _ESCAPE_SEQUENCES.sub("", encodable(text)))
    return _CONTROLS.sub("", text if keeps_lines else _BLANKS.sub(" ", text))


def shortened(text: str, characters: int) -> str:
    """Return the beginning of a text that is longer than `characters`, else all of it."""
    return text if len(text) <= characters else text[:characters] + "…"


class PiecewiseText:
    """A text that arrives in pieces, which may separate the halves of a surrogate pair."""

    def __init__(self) -> None:
        self._half = ""

    def add(self, piece: str) -> str:
        """Return what `piece` completes; a first half at its end waits for the next piece."""
        text = self._half + piece
        ends_in_half = "\ud800" <= text[-1:] <= "\udbff"
        self._half = text[-1] if ends_in_half else ""
        return encodable(text[:-1] if ends_in_half else text)

    def end(self) -> str:
        """Return what is left when no more pieces come."""
        half, self._half = self._half, ""
        return encodable(half)
