"""Whether the words of a turn look finished, or are only a filler.

For English, by closed classes of words: some never end a sentence, some only open one, some only
show that the speaker listens. In doubt a turn counts as finished.
"""

import re
from enum import IntEnum


class Doubt(IntEnum):
    """How strongly the words speak against a finished turn."""

    NONE = 0
    FRAGMENT = 1
    """It may be a whole turn, but a short or an unpunctuated one."""
    OPENING = 2
    """It opens something: a greeting with an address, a clause that a main clause follows."""
    HANGING = 3
    """No sentence ends like this."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HESITATIONS = _set("um umm ummm uh uhh uhm er err erm ah ahh eh hm hmm hmmm mm mmm mhm")
_ASSENTS = _set("yeah yea yep yup yes ok okay right sure oh aha huh wow uh-huh mm-hmm mhm-mhm") | {
    *("i see", "uh huh", "mm hmm", "mm hm", "oh yeah", "oh okay", "all right", "alright"),
}
_CUT_OFF = _set("i")
"""What the recogniser returns for the first syllable of a word."""

_HANGING = _HESITATIONS | _set(
    # conjunctions
    "and or but nor because although though unless whereas whether plus than if while until when as"
    # articles and possessives
    " a an the my your our their every"
    # prepositions that are not particles ("turn it on" is a whole sentence)
    " of to at for from with into onto between during without via per toward towards among"
    # other words that need one after them
    " very such gonna wanna"
)
_ASKED_AT_THE_END = _set("of to at for from with when")
"""A question may end with them: "what is it made of?"."""
_SUBJECTS = _set("i we he she they i'm we're you're he's she's they're i'd i'll we'll i've we've")
_AUXILIARIES = _set("am is are was were will would can could should may might must shall has had")
_HANGING_PHRASES = (
    *("i mean", "you know", "i want", "i need", "i would like", "i'd like", "i think", "i guess"),
    *("can you", "could you", "would you", "will you", "let me", "let's", "such as", "sort of"),
    *("kind of", "for example", "as well as", "do you", "so that", "in order"),
)
_WHOLE_WITH_NOT = _set("why course hope or maybe probably certainly definitely absolutely think if")
_GREETINGS = _set("hello hi hey")
_PARTS_OF_DAY = _set("morning afternoon evening day")
_CONNECTIVES = _set("and so but well now okay ok because then also or")
_SUBORDINATORS = _set("if because although though while since unless whereas once when")
_VERBS = _AUXILIARIES | _set(
    "be been do does did have go goes went get give make take tell say said know think want need"
    " like see look come let put keep find call ask show work stop start play turn help use feel"
    " don't doesn't didn't isn't aren't wasn't can't won't it's that's there's what's i'm you're"
)
_QUESTION_WORDS = _set("what which who whom whose where when why how")
_WHOLE = _set(
    "yes no nope stop thanks hello hi hey there bye goodbye wait help continue please enough"
)


def doubt(text: str) -> Doubt:
    """Return how strongly `text`, as recognised up to a pause, looks unfinished."""
    words = _words(text)
    if not words:
        return Doubt.NONE
    is_question = text.rstrip().endswith("?")
    if _hangs(text, words, is_question=is_question):
        return Doubt.HANGING
    if not is_question and _opens(text, words):
        return Doubt.OPENING
    if _is_fragment(text, words):
        return Doubt.FRAGMENT
    return Doubt.NONE


def is_filler(text: str) -> bool:
    """Whether `text` holds only words of listening or hesitation, or noises."""
    words = " ".join(_words(text))
    for phrase in _ASSENTS:
        if " " in phrase:
            words = re.sub(rf"\b{phrase}\b", "yeah", words)
    return all(word in _HESITATIONS | _ASSENTS | _CUT_OFF for word in words.split())


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower().replace("\u2019", "'"))


def _hangs(text: str, words: list[str], *, is_question: bool) -> bool:
    """Whether no sentence ends like this."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if re.search(r"(?:[,;:\u2026\u2013\u2014-]|\.\.+)\s*$", text):
        return True
    if is_question:
        asked = last in _AUXILIARIES and len(words) < 4
        return asked or last in _HANGING - _ASKED_AT_THE_END
    if last == "not":
        return before not in _WHOLE_WITH_NOT
    if last in _AUXILIARIES:
        return not _is_whole_before_an_auxiliary(words)
    if last in _SUBJECTS:
        return before not in _AUXILIARIES
    return last in _HANGING or f"{before} {last}".strip() in _HANGING_PHRASES


def _is_whole_before_an_auxiliary(words: list[str]) -> bool:
    """As "yes I can" or "I don't know what it is"."""
    return words[0] in _ASSENTS or words[0] == "no" or bool(_QUESTION_WORDS & set(words[1:-1]))


def _opens(text: str, words: list[str]) -> bool:
    """Whether these few words only open something."""
    if len(words) > 7 or _is_whole(words):
        return False
    if words[0] in _SUBORDINATORS and "," not in text:
        return True
    greets = words[0] in _GREETINGS or (words[0] == "good" and words[1] in _PARTS_OF_DAY)
    return (greets or words[0] in _CONNECTIVES) and not _VERBS.intersection(words)


def _is_whole(words: list[str]) -> bool:
    """Whether few words are enough: "yes", "no, thanks", "good morning"."""
    if len(words) == 1:
        return words[0] not in _CONNECTIVES - _ASSENTS and words[0] not in _SUBORDINATORS
    return all(word in _WHOLE | _ASSENTS for word in words) or (
        len(words) == 2 and (words[0] in {"good", *_GREETINGS} and words[1] in _PARTS_OF_DAY)
    )


def _is_fragment(text: str, words: list[str]) -> bool:
    unpunctuated = not re.search(r"[.!?][\"')]*\s*$", text)
    return unpunctuated or (len(words) < 3 and not _is_whole(words))
