"""A list of words or characters and the rules by which a text becomes their numbers, as old text networks have them.

It stands in an input's description in the place of a tokenizer.json, as text, and goes with the network from there.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from regraft.errors import UnreadableFile

_SPACES = "\t\n\v\f\r "
_KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_FILLERS = ("", "[PAD]", "<pad>", "<PAD>")
_UNKNOWN = ("[UNK]", "<unk>", "<UNK>", "[OOV]", "<OOV>", "<oov>")
VECTORIZATION = ("", "[UNK]")  # how the list begins that the layer gives
_BEGINNING = '{"vocabulary": '
_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How texts are divided, and how they are filled up.

    Attributes:
        unit: what has a number.
        lower: which letters are made small.
        apart: characters at which words end, and which are left out.
        gone: characters that are left out, and end no word.
        whole: words between spaces that have a number are not parted.
        before: texts that are too short are filled up in front of them, and of those too long the end is kept.
    """

    unit: Literal["words", "characters"] = "words"
    lower: Literal["all", "ascii", "none"] = "none"
    apart: str = _SPACES
    gone: str = ""
    whole: bool = False
    before: bool = False


# As Keras's `Tokenizer` and `pad_sequences` do it, its layer TextVectorization, and two that change nothing.
RULES: Mapping[str, Rules] = {
    "keras": Rules(lower="all", apart=_KERAS_FILTERS + " ", before=True),
    "vectorization": Rules(lower="ascii", gone=string.punctuation),
    "spaces": Rules(),
    "characters": Rules(unit="characters"),
}
# Of word vectors: punctuation parts what has no vector by itself.
APART = Rules(apart=_SPACES + string.punctuation, whole=True)


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The numbers of words, or of characters.

    Attributes:
        unknown: the number of all others; None: they are left out.
        filler: the number that fills up what is too short.
    """

    numbers: Mapping[str, int]
    rules: Rules
    unknown: int | None = None
    filler: int = 0

    @cached_property
    def _changed(self) -> Mapping[int, str]:
        """What characters become."""
        rules = self.rules
        apart = rules.apart if rules.unit == "words" else ""
        lower = _LOWER if rules.lower == "ascii" else {}
        return {**lower, **dict.fromkeys(map(ord, rules.gone), ""), **dict.fromkeys(map(ord, apart), " ")}

    def units(self, text: str) -> Sequence[str]:
        """The words or characters of a text."""
        text = text.lower() if self.rules.lower == "all" else text
        if self.rules.whole:
            pieces = ([word] if word in self.numbers else self._parted(word) for word in text.split())
            return [word for piece in pieces for word in piece]
        return text.translate(self._changed) if self.rules.unit == "characters" else self._parted(text)

    def _parted(self, text: str) -> list[str]:
        return [word for word in text.translate(self._changed).split(" ") if word]

    def numbered(self, text: str) -> list[int]:
        """The numbers of a text."""
        found = (self.numbers.get(unit, self.unknown) for unit in self.units(text))
        return [number for number in found if number is not None]

    def within(self, rows: int) -> Vocabulary:
        """The words that a table of so many rows has, the others being unknown, as with `num_words` of Keras."""
        known = {word: number for word, number in self.numbers.items() if number < rows}
        return Vocabulary(numbers=known, rules=self.rules, unknown=self.unknown, filler=self.filler)

    def said(self) -> str:
        """All of it as text."""
        rest = asdict(self.rules) | {"unknown": self.unknown, "filler": self.filler}
        return f"{_BEGINNING}{json.dumps(dict(self.numbers), ensure_ascii=False)}, {json.dumps(rest)[1:]}"


def is_vocabulary(said: str) -> bool:
    """Whether a text that says how texts become numbers is a vocabulary's."""
    return said.startswith(_BEGINNING)


def vocabulary_of(said: str) -> Vocabulary:
    """The vocabulary that `said` has written.

    Raises:
        UnreadableFile: it is damaged.
    """
    try:
        record: dict[str, Any] = json.loads(said)
        numbers, unknown, filler = (record.pop(key) for key in ("vocabulary", "unknown", "filler"))
        rules = Rules(**record)
        whole = all(type(number) is int and number >= 0 for number in (*numbers.values(), unknown or 0, filler))
        texts = all(type(value) is str for value in (rules.unit, rules.lower, rules.apart, rules.gone))
        if not whole or not texts or {type(rules.before), type(rules.whole)} != {bool}:
            raise TypeError("a number or a rule is none")
        return Vocabulary(numbers=numbers, rules=rules, unknown=unknown, filler=filler)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableFile("the vocabulary is damaged", got=str(error)[:200]) from error


def numbered(numbers: Mapping[str, int], rules: Rules, where: str, unknown: str | None = None) -> Vocabulary:
    """Words with their numbers, of which one may fill up, and one may stand for all others: [PAD], [UNK].

    Args:
        unknown: the word that stands for all others; None: one that is usually called so.

    Raises:
        UnreadableFile: two have one number, one can be in no text, or nobody says what fills up.
    """
    words = {number: word for word, number in numbers.items()}
    if not numbers or len(words) < len(numbers):
        twice = next((word for word, number in numbers.items() if words[number] != word), "nothing")
        raise UnreadableFile("words of a vocabulary need a number each", where=where, got=twice)
    unknowns = _UNKNOWN if unknown is None else (unknown,)
    special = {*_FILLERS, *unknowns}
    strange = next((word for word in numbers if word not in special and not _can_be(word, rules)), None)
    if strange is not None:
        expected = "one character" if rules.unit == "characters" else "a word without spaces"
        raise UnreadableFile("this is in no text", where=where, expected=expected, got=repr(strange[:80]))
    fillers = [numbers[word] for word in _FILLERS if word in numbers]
    if not fillers and 0 in words:
        raise UnreadableFile(
            "nobody says which number fills up shorter texts",
            where=where,
            expected="0 to be free, or a word [PAD]",
            got=f"0 is {words[0]!r}",
        )
    return Vocabulary(
        numbers=numbers,
        rules=rules,
        unknown=next((numbers[word] for word in unknowns if word in numbers), None),
        filler=fillers[0] if fillers else 0,
    )


def listed(words: Sequence[str], rules: Rules, where: str) -> Vocabulary:
    """Words in the order of their numbers: the first has 1, or 0 where it fills up.

    Raises:
        UnreadableFile: they are no vocabulary.
    """
    start = 0 if words[0] in _FILLERS else 1
    numbers = {word: start + place for place, word in enumerate(words)}
    if len(numbers) < len(words):
        place = next(place for place, word in enumerate(words) if numbers[word] != start + place)
        raise UnreadableFile("a word stands twice in a vocabulary", where=where, got=repr(words[place]))
    return numbered(numbers, rules, where)


def of_vectorization(words: Sequence[str]) -> Sequence[str]:
    """Words as TextVectorization numbers them: 0 fills up and 1 is unknown, whether or not a list begins with these."""
    return words if tuple(words[:2]) == VECTORIZATION else (*VECTORIZATION, *words)


def _can_be(word: str, rules: Rules) -> bool:
    if rules.unit == "characters":
        return len(word) == 1
    return bool(word) and not any(letter in word for letter in _SPACES)
