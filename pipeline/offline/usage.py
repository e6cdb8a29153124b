"""Token figures of a response, in the proportions of the real service's models.

No model counts tokens here: four characters of text stand for one, as do 100 ms of the user's
sound and 50 ms of the answer's.
"""

from collections.abc import Iterable

from pipeline.offline.conversation import Item
from pipeline.offline.wire import Event
from pipeline.pcm import samples_to_ms

_CHARACTERS_PER_TOKEN = 4
_INPUT_MS_PER_TOKEN = 100
_OUTPUT_MS_PER_TOKEN = 50


def usage(inputs: Iterable[Item], output: Item | None) -> Event:
    """Return the protocol's usage object for an answer to `inputs`."""
    inputs = list(inputs)
    input_text = sum(_text_tokens(item) for item in inputs if not item.audio_ms)
    input_audio = sum(-(-item.audio_ms // _INPUT_MS_PER_TOKEN) for item in inputs)
    output_text = _text_tokens(output) if output is not None else 0
    output_audio = 0
    if output is not None and output.speech is not None:
        output_audio = -(-samples_to_ms(output.speech.samples) // _OUTPUT_MS_PER_TOKEN)
    return {
        "total_tokens": input_text + input_audio + output_text + output_audio,
        "input_tokens": input_text + input_audio,
        "output_tokens": output_text + output_audio,
        "input_token_details": {
            "cached_tokens": 0,
            "text_tokens": input_text,
            "audio_tokens": input_audio,
        },
        "output_token_details": {"text_tokens": output_text, "audio_tokens": output_audio},
    }


def _text_tokens(item: Item) -> int:
    return -(-len(item.text) // _CHARACTERS_PER_TOKEN)
