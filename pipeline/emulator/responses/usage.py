"""Token figures of a response, in the proportions of the real service's models.

They are estimates: one token is four characters of text, 100 ms of the user's sound or 50 ms of the
answer's sound. No token counts as cached.
"""

from collections.abc import Iterable

from pipeline.emulator.conversation.items import Item
from pipeline.emulator.wire.events import Event
from pipeline.pcm import samples_to_ms

CHARACTERS_PER_TOKEN = 4
_INPUT_MS_PER_TOKEN = 100
_OUTPUT_MS_PER_TOKEN = 50


def text_tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def sound_tokens(samples: int) -> int:
    """Return the tokens of an answer's sound, 24 kHz."""
    return -(-samples_to_ms(samples) // _OUTPUT_MS_PER_TOKEN)


def usage(instructions: str, inputs: Iterable[Item], output_text: int, output_audio: int) -> Event:
    """Return the protocol's usage object for an answer with these tokens to `inputs`."""
    input_text = text_tokens(len(instructions))
    input_audio = 0
    for item in inputs:
        if item.audio_ms:
            input_audio += -(-item.audio_ms // _INPUT_MS_PER_TOKEN)
        else:
            input_text += text_tokens(len(item.text))
    return {
        "total_tokens": input_text + input_audio + output_text + output_audio,
        "input_tokens": input_text + input_audio,
        "output_tokens": output_text + output_audio,
        "input_token_details": {
            "cached_tokens": 0,
            "text_tokens": input_text,
            "audio_tokens": input_audio,
            "image_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {
            "text_tokens": output_text,
            "audio_tokens": output_audio,
            "reasoning_tokens": 0,
        },
    }
