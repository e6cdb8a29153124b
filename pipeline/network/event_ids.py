"""Ids of the client's events. The service repeats one in an error that the event has caused."""

ANSWER, TRUNCATION, DELETION, RESULT, MESSAGE = "answer", "truncation", "deletion", "result", "turn"
CANCELLATION, CHANGE = "cancellation", "change"
_KINDS = (ANSWER, TRUNCATION, DELETION, RESULT, MESSAGE, CANCELLATION, CHANGE)


def event_id(kind: str, number: int) -> str:
    return f"{kind}_{number}"


def kind_of(id_: str) -> str:
    """Return what the event with this id said; empty if the id is not one of the client's."""
    kind, _, number = id_.rpartition("_")
    return kind if kind in _KINDS and number.isdecimal() else ""


def number_of(id_: str) -> int | None:
    return int(id_.rpartition("_")[2]) if kind_of(id_) else None
