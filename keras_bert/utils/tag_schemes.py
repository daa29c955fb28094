"""How tags mark entities: the schemes that data sets write them in, and BIO, in which they leave.

A scheme says for each unit (a word or a character) the type of the entity that it is in and its position there. Data
sets write both in many ways: B-PER, B_PER, PER-B, b-per, B, PER. `keras_bert.utils.tag_recognition` tells which.
"""

import dataclasses
import functools
import re

from keras_bert.utils.checks import some_of
from keras_bert.utils.files import first_of

# Letters that data sets have for a position -> the position: beginning, inside, end, or single.
POSITIONS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S", "": "I"}
LETTERS = "".join(POSITIONS)
_NAMELESS = "ENTITY"  # the type, where tags are letters alone


@dataclasses.dataclass(frozen=True)
class TagScheme:
    """How the tags of a data set mark entities, or that they don't.

    Args:
        name: BIO, IOB1, IOE, BIOES, BILOU, BMES or IO; or "words": each tag says something of its word alone.
        pattern: Regular expression of an entity's tags, with the groups `position` and `type`.
        outside: The tag of what is in no entity.
        uppercase: Whether tags are put in upper case.
    """

    name: str
    pattern: str = ".+"
    outside: str = "O"
    uppercase: bool = False

    @property
    def marks_entities(self):
        """Whether the tags mark entities."""
        return self.name != "words"

    def parse(self, tag):
        """A tag -> its position, one of "BIES", and type; ("O", None) outside of entities; None for other tags."""
        return _parsed(self, tag)

    def letter(self, tag):
        """An entity's tag -> the letter that it has for the position; None for other tags."""
        match = re.fullmatch(self.pattern, tag.upper() if self.uppercase else tag, re.DOTALL)
        return match and match["position"].upper()


@functools.lru_cache(maxsize=4096)
def _parsed(scheme, tag):
    """scheme, tag -> what `parse` gives."""
    outside = scheme.outside
    if scheme.uppercase:
        tag, outside = tag.upper(), outside.upper()
    if tag == outside:
        return "O", None
    match = re.fullmatch(scheme.pattern, tag, re.DOTALL)
    return match and (POSITIONS[match["position"].upper()], match["type"] or _NAMELESS)


def position_first(separator, letters=LETTERS):
    """separator, letters -> the pattern of tags as B-PER."""
    return f"(?P<position>[{letters}]){re.escape(separator)}(?P<type>.+)"


BIO = TagScheme("BIO", position_first("-"))
WORDS = TagScheme("words")


def to_bio(tags, scheme=BIO, strict=False):
    """Puts a sentence's tags into BIO: B- where an entity begins, I- where it goes on, O elsewhere.

    Args:
        tags: Strings, in this scheme; as they are if it marks no entities.
        scheme: A `TagScheme`.
        strict: What becomes of a tag that should continue an entity, but continues nothing of its type. False: it
            begins one. True: it is in none, unless the scheme begins entities so (IOB1, IOE, IO).

    Returns:
        A tuple of as many tags.

    Example:
    >>> to_bio(["I-LOC", "B-LOC", "E-LOC", "O", "S-PER", "I-PER"])
    ('B-LOC', 'B-LOC', 'I-LOC', 'O', 'B-PER', 'B-PER')
    """
    if not scheme.marks_entities:
        return tuple(tags)
    strict = strict and not begins_with_inside(scheme)
    bio, open_type = [], None  # the type that an I- would continue
    for position, kind in map(scheme.parse, tags):
        continues = position in "IE" and kind == open_type
        if position == "O" or (strict and position in "IE" and not continues):
            bio.append("O")
            open_type = None
            continue
        bio.append(f"{'I' if continues else 'B'}-{kind}")
        open_type = kind if position in "BI" else None
    return tuple(bio)


def check_fits(counts, scheme, name, first_lines=None):
    """Checks that all tags of a data set are of a scheme.

    Args:
        counts: Tag -> its number.
        scheme: A `TagScheme`.
        name: As in `find_scheme`.
        first_lines: The same.

    Raises:
        ValueError: If some aren't; the first twenty are named.

    Example:
    >>> check_fits({"B-PER": 1, "O": 7}, BIO, "names.tsv")
    """
    if not scheme.marks_entities:
        return
    strays = [tag for tag in counts if scheme.parse(tag) is None]
    if not strays:
        return
    lines = first_lines or {}
    named = [f"{tag!r} ({times(counts[tag])}{f', line {lines[tag]}' if tag in lines else ''})" for tag in strays]
    fitting = sorted(counts.keys() - {*strays})
    raise ValueError(
        f"Either all tags mark entities or none. Those of {name} mark them as "
        f"{some_of(fitting) if fitting else 'those that go with it'}, but there are others too: "
        f"{first_of(named)}. Correct these lines, check that the tag column is the right one, or, if "
        "each tag says something of its word alone, read them with is_entities=False."
    )


def is_bio(labels):
    """Tells whether tags mark entities in BIO: O, B-PERSON, I-PERSON ...

    Args:
        labels: Strings.

    Returns:
        A bool.

    Example:
    >>> is_bio(["O", "B-PER", "I-PER"]), is_bio(["NOUN", "VERB", "O"])
    (True, False)
    """
    return any(label != "O" for label in labels) and all(label == "O" or label[:2] in ("B-", "I-") for label in labels)


def times(count):
    """number -> "1 time" or "7 times"."""
    return f"{count} time{'' if count == 1 else 's'}"


def irregular(sequences, scheme):
    """sequences of tags, their scheme -> how many B- don't part two entities, how many I- or E- continue nothing."""
    needless = orphans = 0
    for tags in sequences:
        before = open_type = None  # types of the unit before, and of the entity that goes on
        for position, kind in map(scheme.parse, tags):
            needless += position == "B" and kind != before
            orphans += position in "IE" and kind != open_type
            before, open_type = kind, kind if position in "BI" else None
    return needless, orphans


def begins_with_inside(scheme):
    """scheme -> whether its entities begin with I-, or whatever their first unit has."""
    return scheme.name in ("IO", "IOB1", "IOE")
