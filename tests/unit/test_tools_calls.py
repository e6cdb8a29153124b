"""Each call is answered at most once and ends once, and is not answered after a cancellation."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.reports import Report, ToolEnded, ToolReturned
from pipeline.tools.calls import Call, Calls
from pipeline.tools.schema import tool_of

RELEASED = threading.Event()


def quick(n: int) -> int:
    """Return n."""
    return n


def faulty(n: int) -> int:
    """Raise."""
    raise SystemExit(n)


def blocked(n: int) -> int:
    """Wait until the test releases it."""
    RELEASED.wait()
    return n


async def waiting(n: int) -> int:
    """Wait until cancelled, or until the test releases it."""
    while not RELEASED.is_set():  # noqa: ASYNC110 - it is set in another thread
        await asyncio.sleep(0.001)
    return n


async def stubborn(n: int) -> int:
    """Survive a cancellation."""
    try:
        return await waiting(n)
    except asyncio.CancelledError:
        return n


TOOLS = {f.__name__: tool_of(f, "here") for f in (quick, faulty, blocked, waiting, stubborn)}


class Harness:
    """Calls on a loop in a thread, and what they reported."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = threading.Condition()
        self.start_over()

    def start_over(self) -> None:
        RELEASED.clear()
        self.reports: list[Report] = []
        self.calls = Calls(self._loop, self._note)
        self.calls.offer(TOOLS)

    def _note(self, report: Report) -> None:
        with self._changed:
            self.reports.append(report)
            self._changed.notify()

    def wait_ended(self, call_ids: set[str]) -> None:
        def ended() -> bool:
            return call_ids <= {r.call_id for r in self.reports if isinstance(r, ToolEnded)}

        with self._changed:
            assert self._changed.wait_for(ended, 60)

    def of(self, call_id: str) -> list[Report]:
        return [r for r in self.reports if getattr(r, "call_id", None) == call_id]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield Harness(loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*TOOLS, "unknown"]),
            st.sampled_from(['{"n": 1}', "{}", "nonsense"]),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_any_calls_and_cancellations_are_answered_and_ended_once(
    harness: Harness, commands: list[tuple[str, str, bool]]
) -> None:
    harness.start_over()
    silent_after: dict[str, int] = {}
    for index, (name, arguments, cancelled) in enumerate(commands):
        call_id = f"call_{index}"
        harness.calls.handle(CallTool(call_id, name, arguments))
        if cancelled:
            harness.calls.handle(CancelTool(call_id))
            silent_after[call_id] = len(harness.reports)
    RELEASED.set()
    harness.wait_ended({f"call_{index}" for index in range(len(commands))})
    for index, (_, _, cancelled) in enumerate(commands):
        call_id = f"call_{index}"
        kinds = [type(report) for report in harness.of(call_id)]
        assert kinds == [ToolReturned, ToolEnded] or (cancelled and kinds == [ToolEnded])
        late = harness.reports[silent_after.get(call_id, len(harness.reports)) :]
        assert not [r for r in late if isinstance(r, ToolReturned) and r.call_id == call_id]


def test_early_commands_are_carried_out_when_the_tools_are_loaded() -> None:
    loop = asyncio.new_event_loop()
    reports: list[Report] = []
    calls = Calls(loop, reports.append)
    calls.handle(CallTool("call_0", "waiting", '{"n": 1}'))
    calls.handle(CallTool("call_1", "absent", "{}"))
    calls.handle(CancelTool("call_0"))
    assert reports == []
    calls.offer(TOOLS)
    for _ in range(10):  # turns of the loop
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert [type(report) for report in reports] == [ToolReturned, ToolEnded, ToolEnded]
    assert reports[2] == ToolEnded("call_0")


def test_cancelling_an_unknown_call_does_nothing(harness: Harness) -> None:
    harness.start_over()
    harness.calls.handle(CancelTool("call_9"))
    assert harness.reports == []


def test_a_second_answer_is_dropped() -> None:
    reports: list[Report] = []
    call = Call(CallTool("call_0", "quick", "{}"), reports.append)
    call.answer("1")
    call.answer("2")
    assert reports == [ToolReturned("call_0", "1")]


def test_a_thread_that_cannot_be_started_is_answered_by_an_error(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    harness.start_over()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        harness.calls.handle(CallTool("call_0", "quick", json.dumps({"n": 1})))
    assert harness.reports == [
        ToolReturned("call_0", "error: RuntimeError: can't start new thread"),
        ToolEnded("call_0"),
    ]
