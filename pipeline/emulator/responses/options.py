"""The options of one response."""

from dataclasses import dataclass

from pipeline.emulator.audio.output_formats import OutputFormat, output_format
from pipeline.emulator.wire.events import Event

_MOST_TOKENS = 32_768
"""Upper limit of every answer, almost half an hour of sound: a reply source may never end."""


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """The session's configuration with the overrides of one response.

    `settings` is the session object with these overrides. `said` is text that the client wants
    spoken as it is. `input` is answered instead of the conversation, `appended` is answered after
    it; both hold item objects of the wire.
    """

    settings: Event
    metadata: Event | None = None
    is_out_of_band: bool = False
    cancels_previous: bool = False
    said: str | None = None
    input: list[Event] | None = None
    appended: tuple[Event, ...] = ()

    @property
    def speaks(self) -> bool:
        return "audio" in self.settings["modalities"]

    @property
    def output_format(self) -> OutputFormat:
        return output_format(self.settings["output_audio_format"], "")

    @property
    def most_tokens(self) -> float:
        return min(float(self.settings["max_response_output_tokens"]), _MOST_TOKENS)

    @property
    def reports_word_times(self) -> bool:
        return "word" in self.settings["output_audio_timestamp_types"]
