"""Words on the screen against words that sounded, in any order of text, times, sound and looks.

Word *n* of an answer sounds from a known sample on. Playback stands anywhere when the network
process looks, and at a random moment the user interrupts.
"""

from dataclasses import dataclass
from random import Random

import pytest

from pipeline.ipc.events import AssistantDone, AssistantSaid
from pipeline.network.actions import Action
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    WordsDelta,
    WordsDone,
    WordTime,
)
from pipeline.network.items import QueuedEnd
from pipeline.pcm import ms_to_samples

SEEDS = range(200)
DELTA_SAMPLES = 7_200


@dataclass
class Answer:
    """An answer whose words have known times, and what has been shown of it."""

    words: list[str]
    starts_ms: list[int]
    length_ms: int
    shown: str = ""
    done: AssistantDone | None = None

    @classmethod
    def random(cls, random: Random) -> "Answer":
        count = random.randint(1, 25)
        words = [
            random.choice(("a", "an", "banana", "is", "word-", "12")) + f"{n}" for n in range(count)
        ]
        starts_ms, at_ms = [], random.randint(0, 400)
        for _ in words:
            starts_ms.append(at_ms)
            at_ms += random.choice((60, 150, 300, 900)) + random.randint(0, 80)
        return cls(words, starts_ms, at_ms)

    @property
    def samples(self) -> int:
        return ms_to_samples(self.length_ms)

    def begun(self, samples: int) -> int:
        return sum(ms_to_samples(start) < samples for start in self.starts_ms)

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, AssistantSaid):
                assert self.done is None, "nothing follows the end"
                self.shown += action.text
            elif isinstance(action, AssistantDone):
                self.done = action

    @property
    def words_shown(self) -> int:
        return len(self.shown.split())


def text_events(answer: Answer) -> list[tuple[int, Event]]:
    """The words, each at the sample of its beginning."""
    pieces = [f"{word} " for word in answer.words]
    places = [ms_to_samples(start) for start in answer.starts_ms]
    return [(at, WordsDelta("r", piece)) for at, piece in zip(places, pieces, strict=True)]


def time_events(answer: Answer) -> list[tuple[int, Event]]:
    return [
        (ms_to_samples(start), WordTime("r", "i", word, start))
        for word, start in zip(answer.words, answer.starts_ms, strict=True)
    ]


def audio_events(answer: Answer) -> list[tuple[int, Event]]:
    return [
        (at, AudioDelta("r", "i", bytes(2 * min(DELTA_SAMPLES, answer.samples - at))))
        for at in range(0, answer.samples, DELTA_SAMPLES)
    ]


def delivery(answer: Answer, order: str, *, times: bool) -> list[Event]:
    """All events of the answer; text and times together, ahead of the sound or behind it."""
    said = text_events(answer)
    if times:
        said = sorted(said + time_events(answer), key=lambda each: each[0])
    sound = audio_events(answer)
    if order == "in step":
        events = sorted(
            said + sound, key=lambda each: each[0] - 1 + isinstance(each[1], AudioDelta)
        )
    else:
        events = said + sound if order == "text first" else sound + said
    ends: list[Event] = [AudioDone("r", "i"), WordsDone("r"), ResponseDone("r", "completed", "")]
    return [ResponseCreated("r"), *(event for _, event in events), *ends]


class Playback:
    """Sounds what has come, at any pace."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.received = 0
        self.samples = 0

    def receive(self, event: Event) -> None:
        if isinstance(event, AudioDelta):
            self.received += len(event.pcm) // 2

    def sound(self) -> tuple[int, int]:
        """Go on; return the place in the answers, of which this is the second."""
        step = self.random.choice((0, 120, 480, 2_400, 20_000))
        self.samples = min(self.received, self.samples + step)
        return (2, self.samples) if self.samples else (1, 1)


@pytest.mark.parametrize("order", ["in step", "text first", "sound first"])
@pytest.mark.parametrize("times", [True, False])
def test_words_are_shown_as_they_are_heard(order: str, times: bool) -> None:
    for seed in SEEDS:
        random = Random(f"{seed} {order}")
        answer = Answer.random(random)
        conversation, playback = Conversation(), Playback(random)
        hear_another(conversation, times=times)
        events = delivery(answer, order, times=times)
        told = events[: random.randint(1, len(events))] if random.random() < 0.3 else events
        for event in told:
            conversation.receive(event)
            playback.receive(event)
            if random.random() < 0.3:
                look(conversation, playback, answer, exact=times)
        for _ in range(random.randint(0, 40)):
            look(conversation, playback, answer, exact=times)
        interrupt(conversation, playback, answer, exact=times and told == events)


def hear_another(conversation: Conversation, *, times: bool) -> None:
    """Hear another answer before: whether the words of the next one have times is known then."""
    conversation.receive(ResponseCreated("r"))
    conversation.receive(WordsDelta("r", "Well, " * 10))
    if times:
        conversation.receive(WordTime("r", "before", "Well", 0))
    conversation.receive(AudioDelta("r", "before", bytes(2)))
    conversation.receive(ResponseDone("r", "completed", ""))
    conversation.heard(1, 1)


def look(conversation: Conversation, playback: Playback, answer: Answer, *, exact: bool) -> None:
    answer.take(conversation.heard(*playback.sound()))
    check(playback, answer, exact=exact)


def check(playback: Playback, answer: Answer, *, exact: bool) -> None:
    assert " ".join(answer.words).startswith(answer.shown.strip())
    if exact:
        assert answer.words_shown <= answer.begun(playback.samples), "not before it sounds"


def interrupt(
    conversation: Conversation, playback: Playback, answer: Answer, *, exact: bool
) -> None:
    generation = conversation.generation
    conversation.receive(SpeechStarted())
    settled = playback.sound()
    if conversation.generation > generation:
        answer.take(conversation.cut_settled(1, *settled))
    else:
        answer.take(conversation.heard(*settled))
    check(playback, answer, exact=exact)
    if exact:
        assert answer.words_shown == answer.begun(playback.samples), "all that was heard stands"
    history = conversation.memory().turns[-1].words
    assert history == answer.shown, "the same words everywhere"
    if answer.done is not None:
        assert answer.done.text == answer.shown
        assert answer.done.cut == (conversation.generation > generation)
        if exact:
            rest = (answer.done.text + answer.done.unheard).split()
            assert rest == answer.words


def test_words_go_on_in_another_process_where_they_were() -> None:
    for seed in SEEDS:
        random = Random(seed)
        answer = Answer.random(random)
        conversation, playback = Conversation(), Playback(random)
        hear_another(conversation, times=True)
        for event in delivery(answer, "in step", times=True):
            conversation.receive(event)
            playback.receive(event)
        for _ in range(random.randint(1, 20)):
            look(conversation, playback, answer, exact=True)
        if answer.done is not None:
            continue
        other = Conversation()
        other.restore(conversation.memory(), 0, QueuedEnd(2, 0, playback.received, complete=True))
        while playback.samples < playback.received:
            look(other, playback, answer, exact=True)
        assert answer.shown.split() == answer.words
        assert answer.done == AssistantDone(answer.shown)
