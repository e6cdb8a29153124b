"""What is said in recordings of `shared/speech`, and what is heard instead."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from benchmarks.ear_scenes import NEAR_DB
from benchmarks.ear_sounds import Sound, at_level, read, speech_folder
from pipeline.bench.ears.sounds import from_onset

_PASSAGE = {
    "003": (
        "six spoons of fresh snow peas five thick slabs of blue cheese and maybe a snack for her "
        "brother bob"
    ),
    "005": (
        "she can scoop these things into three red bags and we will go meet her wednesday at the "
        "train station"
    ),
    "008": (
        "these take the shape of a long round arch with its path high above and its two ends "
        "apparently beyond the horizon"
    ),
    "011": (
        "when a man looks for something beyond his reach his friends say he is looking for the pot "
        "of gold at the end of the rainbow"
    ),
    "016": (
        "the norsemen considered the rainbow as a bridge over which the gods passed from earth to "
        "their home in the sky"
    ),
    "019": (
        "since then physicists have found that it is not reflection but refraction by the "
        "raindrops which causes the rainbows"
    ),
    "020": "many complicated ideas about the rainbow have been formed",
    "021": (
        "the difference in the rainbow depends considerably upon the size of the drops and the "
        "width of the colored band increases as the size of the drops increases"
    ),
    "022": (
        "the actual primary rainbow observed is said to be the effect of superimposition of a "
        "number of bows"
    ),
    "023": (
        "if the red of the second bow falls upon the green of the first the result is to give a "
        "bow with an abnormally wide yellow band since red and green light when mixed form yellow"
    ),
    "024": (
        "this is a very common type of bow one showing mainly red and yellow with little or no "
        "green or blue"
    ),
}
"""The text that every speaker of VCTK reads, by the number of its sentences."""

_SPOKEN = {
    "jfk.wav": (
        "and so my fellow americans ask not what your country can do for you "
        "ask what you can do for your country"
    ),
    "az_whatstheweatherlike.wav": "what's the weather like",
    "az_pron.wav": "hello world today is a nice nice day",
    "az_kws.wav": "computer what's the weather like",
    "ps_goforward.wav": "go forward ten meters",
    "ps_librivox_0880.wav": "he was not an ill disposed young man",
    "ps_librivox_0930.wav": "he might even have been made amiable himself",
    "ps_cards_005.wav": "eight of spades four of clubs seven of hearts",
    "near/libri_1688-142285-0000.flac": (
        "there's iron they say in all our blood and a grain or two perhaps is good but his he "
        "makes me harshly feel has got a little too much of steel anon"
    ),
    "near/libri_1688-142285-0001.flac": (
        "margaret said mister hale as he returned from showing his guest downstairs i could not "
        "help watching your face with some anxiety when mister thornton made his confession of "
        "having been a shop boy"
    ),
    "near/libri_1688-142285-0002.flac": "you don't mean that you thought me so silly",
    "near/libri_1688-142285-0003.flac": (
        "i really liked that account of himself better than anything else he said"
    ),
    "near/libri_1688-142285-0004.flac": (
        "his statement of having been a shop boy was the thing i liked best of all"
    ),
}


def sentences() -> list[tuple[Sound, str]]:
    """Return the sentences and their words; none without the folder of real speech."""
    folder = speech_folder()
    if folder is None:
        return []
    spoken = [(folder / name, text) for name, text in _SPOKEN.items()]
    for number, text in _PASSAGE.items():
        spoken += [(path, text) for path in sorted(folder.glob(f"near/vctk_*_{number}.wav"))]
    return [(_at_one_level(path), text) for path, text in spoken]


def differences(said: Sequence[str], heard: Sequence[str]) -> list[str]:
    """Return what was heard instead of what was said, each as "said > heard"."""
    matcher = SequenceMatcher(None, said, heard, autojunk=False)
    return [
        f"{' '.join(said[a:b]) or '-'} > {' '.join(heard[c:d]) or '-'}"
        for kind, a, b, c, d in matcher.get_opcodes()
        if kind != "equal"
    ]


def _at_one_level(path: Path) -> Sound:
    return at_level(from_onset(read(path)), NEAR_DB)
