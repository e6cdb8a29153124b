"""What the person is shown of the conversation, free of I/O.

The answers' words are shown in the order of the answers, as they are heard: an answer's line ends
when nothing more of it can be heard, and only then the next one begins.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from pipeline.ipc.events import AssistantDone, AssistantSaid, Ready
from pipeline.ipc.reports import Report
from pipeline.network.response import Response


class Display:
    """Decides which words of an answer are shown, when its line ends, and when "Ready" is shown.

    "Ready" follows something that kept the person waiting: the start of a session has a report
    of its own.

    :param read_ahead: show the words of an answer that sounds as they arrive.
    """

    def __init__(self, *, read_ahead: bool = False) -> None:
        self._read_ahead = read_ahead
        self._answers: deque[Response] = deque()  # with words; the first one's line may be open
        self._shown = 0  # characters of the first one
        self._ready_due = False

    def add(self, response: Response) -> None:
        """An answer has words."""
        if response not in self._answers:
            self._answers.append(response)

    def restore(self, responses: Iterable[Response]) -> None:
        """Go on in the place of a process that died, and had shown what was heard by then."""
        self._answers.extend(responses)
        if self._answers:
            turn = self._answers[0].turn
            self._shown = len(turn.words[: None if self._read_ahead else turn.heard])

    def update(self, is_heard: Callable[[Response], bool]) -> Iterator[Report]:
        """Show the words that have been heard by now.

        :param is_heard: whether an answer has come and been heard to its end.
        """
        while self._answers:
            response, *later = self._answers
            passed = any(other.heard_samples for other in later)
            lost = response.silent and bool(later)  # its end; the next one must not wait for it
            if passed or lost or is_heard(response):
                response.end()
            else:
                response.listen()
            yield from self._words(response)
            if not response.over:
                return
            yield from self._end(response)

    def _words(self, response: Response) -> Iterator[Report]:
        """Show the next words of the first answer."""
        turn = response.turn
        ahead = self._read_ahead and not response.over
        words = turn.words[self._shown : None if ahead else turn.heard]
        if words:
            self._shown += len(words)
            yield AssistantSaid(words)

    def _end(self, response: Response) -> Iterator[Report]:
        """End the line of the first answer, if it has had words."""
        self._answers.popleft()
        words, unheard = response.turn.words, response.unheard or ""
        if words or unheard:
            broken_off = response.broken_off and not response.settled
            yield AssistantDone(words, unheard, response.cut, broken_off)
        self._shown = 0

    def busy(self) -> None:
        """Something begins at whose end "Ready" is to be shown."""
        self._ready_due = True

    def rest(self) -> Iterator[Report]:
        """Everything has come to rest: show "Ready", once."""
        if self._ready_due:
            self._ready_due = False
            yield Ready()
