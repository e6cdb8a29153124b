"""How fast the voice of the service speaks, learnt from its answers; free of I/O."""

from pipeline.network.response import Response
from pipeline.network.word_places import WordPlaces


class VoicePace:
    """What is expected of the next answer, because the latest complete one was so."""

    ENOUGH_CHARACTERS = 40
    """Length of an answer from which the pace is learnt."""

    def __init__(self) -> None:
        self._samples_per_character: float = WordPlaces.TYPICAL_PACE
        self._expects_times = False

    def places(self) -> WordPlaces:
        """Return the places of an answer's words, before any of it has come."""
        return WordPlaces(
            expects_times=self._expects_times, samples_per_character=self._samples_per_character
        )

    def learn(self, response: Response) -> None:
        """Expect of the next answers what this one showed, which is complete."""
        characters, samples = len(response.turn.words), response.places.received_samples
        if samples and characters >= self.ENOUGH_CHARACTERS:
            self._samples_per_character = samples / characters
            self._expects_times = response.places.has_times
