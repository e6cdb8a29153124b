"""Explore every execution of a few threads on a memory that keeps only the requested order.

A thread is a straight line of accesses, each performed at one moment on the memory they share.
An access may be performed before an earlier one of its thread, and so a store may become visible
long after the stores that follow it, unless

- the earlier one is an acquire load: nothing later is performed before it;
- it is itself a release store: nothing earlier is performed after it;
- both touch the same place.

A load that waits is retried until it finds its number. Without acquire it holds nothing back, as
if its outcome had been predicted. Processors do not let a store pass a condition in this way, but
the language standards allow it, and a protocol should not depend on the difference.

No thread loads what it stores itself, so forwarding from a store buffer needs no rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST_STATES = 50_000
"""Far more than a protocol with ordered accesses needs."""


class Access(NamedTuple):
    place: str
    stored: int | None = None
    """None: a load."""
    ordered: bool = False
    """A load acquires, a store releases."""
    at_least: int | None = None
    """The load waits until it finds this number or a greater one; which of them does not matter."""
    expected: int | None = None
    """Another number is a fault."""


Thread = Sequence[Access]
Schedule = tuple[tuple[int, int], ...]
"""The accesses in the order of time, each as the number of its thread and of the access."""
Seen = tuple[tuple[int | None, ...], ...]
"""What each access of each thread loaded; None for one that stored, waited or expected."""


@dataclass(frozen=True, slots=True)
class Exploration:
    states: int
    outcomes: dict[Seen, Schedule]
    """All that the threads may have seen at their end, each with one way to get there."""
    fault: Schedule | None
    """A way to a load that did not find the expected number; the search ends there."""
    stuck: list[Schedule]
    """Ways to a state in which every thread waits."""


class _State(NamedTuple):
    performed: tuple[frozenset[int], ...]
    memory: tuple[int, ...]
    seen: Seen
    faulty: bool = False


def explore(*threads: Thread) -> Exploration:
    """Return all outcomes of `threads`, from a memory full of zeros."""
    places = {access.place: 0 for thread in threads for access in thread}
    start = _State(
        performed=(frozenset(),) * len(threads),
        memory=tuple(places.values()),
        seen=tuple((None,) * len(thread) for thread in threads),
    )
    address = {place: number for number, place in enumerate(places)}
    visited, ahead = {start}, [(start, Schedule())]
    outcomes: dict[Seen, Schedule] = {}
    stuck = []
    while ahead:
        state, schedule = ahead.pop()
        assert len(visited) < MOST_STATES, "a protocol that orders so little needs no search"
        if state.faulty:
            return Exploration(len(visited), {}, schedule, [])
        if len(schedule) == sum(map(len, threads)):
            outcomes.setdefault(state.seen, schedule)
        elif not (steps := list(_steps(threads, address, state))):
            stuck.append(schedule)
        else:
            new = [(after, (*schedule, step)) for step, after in steps if after not in visited]
            visited.update(after for after, _ in new)
            ahead += new
    return Exploration(len(visited), outcomes, None, stuck)


def _steps(
    threads: Sequence[Thread], address: dict[str, int], state: _State
) -> Iterator[tuple[tuple[int, int], _State]]:
    for number, thread in enumerate(threads):
        done = state.performed[number]
        for index in _performable(thread, done):
            access, place = thread[index], address[thread[index].place]
            value = state.memory[place]
            if access.at_least is not None and value < access.at_least:
                continue
            after = state._replace(performed=_put(state.performed, number, done | {index}))
            if access.stored is not None:
                after = after._replace(memory=_put(state.memory, place, access.stored))
            elif access.expected is not None:
                after = after._replace(faulty=value != access.expected)
            elif access.at_least is None:
                values = _put(state.seen[number], index, value)
                after = after._replace(seen=_put(state.seen, number, values))
            yield (number, index), after


def _performable(thread: Thread, performed: frozenset[int]) -> Iterator[int]:
    passed: set[str] = set()
    for index, access in enumerate(thread):
        if index in performed:
            continue
        releases = access.ordered and access.stored is not None
        if access.place not in passed and not (releases and passed):
            yield index
        if access.ordered and access.stored is None:
            return
        passed.add(access.place)


def _put(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*values[:index], value, *values[index + 1 :])
