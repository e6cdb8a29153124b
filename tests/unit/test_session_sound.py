"""A program's own sound: what runs it, and how that ends."""

from pipeline.api.sound import SpeakerOutput
from pipeline.api.speaker_port import SpeakerPort
from pipeline.errors import PipelineError


def raise_failure(error: PipelineError) -> None:
    raise error


def test_a_speaker_that_closes_between_two_looks_tells_its_end() -> None:
    port = SpeakerPort(SpeakerOutput())
    ends: list[bool] = []
    port.end.prepare()
    port.end.close()
    port.run(raise_failure, lambda: ends.append(port.end.closed))
    port.end.release()
    assert ends == [True]
