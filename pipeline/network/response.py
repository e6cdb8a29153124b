"""A response of the service: how long it is waited for, and which of its words were heard."""

from dataclasses import dataclass, field

from pipeline.network.transcript import Turn
from pipeline.network.word_places import WordPlaces
from pipeline.system.text import PiecewiseText


@dataclass(slots=True, eq=False)
class Response:
    """A response belongs for ever to the generation in which the service created it."""

    SILENT_S = 30.0
    """The service sends answers faster than they sound; only the work of its tools takes longer."""

    LATE_WORDS_S = 1.0
    """How long the first words of an interrupted answer are waited for, unless it ends before."""

    generation: int
    turn: Turn
    finished: bool = False
    words: PiecewiseText = field(default_factory=PiecewiseText)
    """What joins the deltas of its words."""
    places: WordPlaces = field(default_factory=WordPlaces)
    heard_samples: int = 0
    """Sound of it that has been heard, all its items together."""
    cut: bool = False
    """Whether it was interrupted, or broke off; known once it is over."""
    broken_off: bool = False
    """Whether its session ended before it did; its rest is not asked for again."""
    unheard: str | None = None
    """The words that were never heard, once nothing more of it can be; `turn` has the others."""
    latest_s: float | None = None
    """When the service last sent something of it; None until the next tick."""
    silent: bool = False
    """Whether that was so long ago that its end must have been lost."""
    awaits_words: bool = False
    """Whether it was interrupted before any of its words had come, although it sounded."""
    awaits_words_s: float | None = None
    """Since when, by the clock of the ticks; None until the next one."""
    settled: bool = False
    """Whether it was interrupted, and `heard_samples` is final."""

    @property
    def over(self) -> bool:
        """Whether nothing more of its words can be heard."""
        return self.unheard is not None

    @property
    def breaks_off(self) -> bool:
        """Whether it has broken off, or does so if its session ends now."""
        return self.broken_off or not (self.finished or self.silent)

    @property
    def has_words(self) -> bool:
        return bool(self.turn.words or self.unheard)

    def sent_something(self) -> None:
        """The service has just sent something of it."""
        self.latest_s, self.silent = None, False

    def wait(self, now_s: float) -> bool:
        """Pass the time; return whether from now on it is not waited for any more."""
        if self.awaits_words and self.settled:
            since_s = self.awaits_words_s = self.awaits_words_s or now_s
            if now_s - since_s > self.LATE_WORDS_S:
                self.end()
        if self.latest_s is None:
            self.latest_s = now_s
        falls_silent = not self.silent and now_s - self.latest_s > self.SILENT_S
        self.silent |= falls_silent
        return falls_silent

    def listen(self) -> None:
        """Note which of its words have been heard."""
        if not self.over:
            self.turn.heard = self.places.heard(self.turn.words, self.heard_samples)

    def settle(self) -> None:
        """It was interrupted, and nothing more of it will sound than has been heard."""
        self.settled = True
        if self.finished or not self.heard_samples or not self.awaits_words:
            self.end(cut=True)
        else:
            self.take_late_words()

    def take_late_words(self, *, last: bool = False) -> None:
        """End it if all words have come that were heard of it before it was interrupted.

        :param last: whether no more words follow.
        """
        self.listen()
        unheard = self.turn.words[self.turn.heard :]
        awaits_time = self.places.awaits_time(self.turn.words)
        if self.settled and (last or unheard.strip()) and not awaits_time:
            self.end(cut=True)

    def end(self, *, cut: bool = False) -> None:
        """Nothing more of it will be heard: keep the words that were."""
        if self.over:
            return
        self.listen()
        words, heard = self.turn.words, self.turn.heard
        self.turn.words, self.turn.heard = words[:heard], None
        self.unheard = words[len(self.turn.words) :]
        cut = cut or self.broken_off or self.awaits_words or not self.places.complete
        self.cut = cut or bool(self.unheard.strip())
        self.awaits_words = False
