"""Tells from tags how they mark entities, and says so."""

import collections
import dataclasses
import re

from keras_bert.utils.checks import some_of
from keras_bert.utils.tag_schemes import (
    BIO,
    LETTERS,
    WORDS,
    TagScheme,
    begins_with_inside,
    check_fits,
    irregular,
    position_first,
    times,
)

_SEPARATORS = "-_:./|"
OUTSIDES = ("O", "o", "0", "-", "_")
# Names that some data sets have for it too: they raise a doubt.
_OTHERS = {*OUTSIDES, "other", "none", "null", "out", "outside", "na"}
# What raises one too: a position within a tag, as in NER=B-PER, and brackets as in (PER* and *).
_MARK = re.compile(r".*\b[BI][-_]\w|\(\w+\*?\)?|\*\)", re.DOTALL)

# What O may come with and what is no type of entities: parts of speech (Universal, Penn Treebank) and punctuation.
_NO_TYPE = re.compile(
    "ADJ|ADP|ADV|AUX|CCONJ|CONJ|DET|INTJ|NOUN|NUM|PART|PRON|PROPN|PRT|PUNCT|SCONJ|SYM|VERB|CC|CD|DT|EX|FW|IN|JJ|JJR|JJS|"
    "LS|MD|NN|NNS|NNP|NNPS|PDT|POS|PRP|RB|RBR|RBS|RP|TO|UH|VB|VBD|VBG|VBN|VBP|VBZ|WDT|WP|WRB|"
    "COMMA|PERIOD|QUESTION|EXCLAMATION|COLON|SEMICOLON|DASH|HYPHEN|ELLIPSIS"
)
_TYPE_NAME = re.compile(r"[^\W\d_][\w.&/ -]*\w")  # two characters at least
# A type without a position: none that looks as if it had one.
_TYPE_ALONE = rf"(?P<position>)(?![BI][{_SEPARATORS}])(?P<type>.+)(?<![{_SEPARATORS}][BI])"


def find_scheme(sequences, name, is_entities=None, first_lines=None):
    """Tells from the tags of a data set how they mark entities.

    They do so in one of these ways, whatever most of the tags fit:

    - a position and a type, as B-PER, B_PER, PER-B, b-per or BPER, and O, o, 0, - or _ for what is in none. Positions
      are B and I; E or L for an entity's last unit, S, U or W for an only one, M for one inside. Tags that are all in
      lower case are put in upper case;
    - a position alone, as B, I and O: all tags are such letters, B or I is among them, and there are O or two others;
    - a type alone, as PER and O: O is among them, and all others are names of two characters or more that have no
      position and of which less than half are names of parts of speech or of punctuation marks.

    Other tags, as of parts of speech, say something of their word alone.

    Args:
        sequences: For each sentence, the sequence of its tags.
        name: What messages call the data set.
        is_entities: Whether the tags mark entities. None: found out.
        first_lines: Tag -> the first line that has it, for messages. None: there are no lines.

    Returns:
        A `TagScheme`.

    Raises:
        ValueError: If some tags mark entities for sure and others fit in no way.

    Example:
    >>> scheme = find_scheme([["PER_B", "PER_I", "-"]], "names.tsv")
    >>> scheme.name, scheme.outside, scheme.parse("PER_B")
    ('BIO', '-', ('B', 'PER'))
    """
    if is_entities is False:
        return WORDS
    counts = collections.Counter(tag for tags in sequences for tag in tags)
    scheme, verdict = _judged(counts)
    if verdict == "entities" or (verdict and (is_entities or verdict == "contradiction")):
        check_fits(counts, scheme, name, first_lines)
        return name_scheme(scheme, sequences)
    if is_entities and counts.keys() <= {"O"}:
        return BIO
    if is_entities or _are_types(counts):
        return _types_alone(counts)
    return WORDS


def name_scheme(scheme, sequences):
    """a scheme with positions, sequences of tags that fit it -> the same scheme under its name."""
    letters = {scheme.letter(tag) for tag in {tag for tags in sequences for tag in tags}} - {None}
    if "M" in letters:
        name = "BMES"
    elif letters & {"L", "U"}:
        name = "BILOU"
    elif letters & {"B", "S", "W"} and letters - {"B", "I"}:
        name = "BIOES"
    elif "E" in letters:
        name = "IOE"
    else:
        needless, orphans = irregular(sequences, scheme)
        name = "IOB1" if orphans and not needless else "BIO"
    return dataclasses.replace(scheme, name=name)


def remark(sequences, scheme, name):
    """Says how the tags of a data set were read, where that isn't plain to see.

    Args:
        sequences: As in `find_scheme`.
        scheme: What that found.
        name: As in `find_scheme`.

    Returns:
        A string; None for plain BIO, and for parts of speech without doubt.

    Example:
    >>> tags = [["PER_B", "PER_I", "-"]]
    >>> print(remark(tags, find_scheme(tags, "names.tsv"), "names.tsv"))
    names.tsv marks entities in BIO as -, PER_B, PER_I. They are read as B-PER where one begins, I-PER where it goes on,
    and O.
    """
    counts = collections.Counter(tag for tags in sequences for tag in tags)
    tags = some_of(sorted(counts))
    if not scheme.marks_entities:
        if not _is_doubtful(counts):
            return None
        return (
            f"Each tag of {name} is read as one of its word alone: {tags}. If they mark entities, write them as B-PER, "
            "I-PER and O, or pass is_entities=True if they are types without a position; if not, is_entities=False."
        )
    orphans = 0 if begins_with_inside(scheme) else irregular(sequences, scheme)[1]
    remarks = []
    if scheme != BIO:
        kind = min(scheme.parse(tag)[1] for tag in counts if scheme.parse(tag)[1])
        remarks.append(
            f"{name} marks entities in {scheme.name} as {tags}. They are read as B-{kind} where one begins, I-{kind} "
            "where it goes on, and O."
        )
    if scheme.name == "IO":
        remarks.append(
            "Neighbours of one type are one entity. Pass is_entities=False if each tag says something of its word "
            "alone."
        )
    if orphans:
        remarks.append(f"In {name}, I- begins an entity {times(orphans)}, and is read as B-.")
    return " ".join(remarks) or None


def look_like_tags(words):
    """Tells whether words are tags of entities, each with a position, as where columns are mistaken for each other.

    Args:
        words: Strings.

    Returns:
        A bool.

    Example:
    >>> look_like_tags(["B-PER", "O", "O"]), look_like_tags(["O", "sole", "mio"])
    (True, False)
    """
    return len({*words}) > 1 and _judged(collections.Counter(words))[1] == "entities"


def bio_labels(labels, is_entities=None):
    """Puts the labels of a model into BIO, one by one.

    Args:
        labels: Strings, in any scheme that `find_scheme` knows.
        is_entities: Whether they mark entities. None: found out.

    Returns:
        A tuple of as many tags, and a list of those labels that mark no entity beside others that do: each becomes O.
        A scheme's last and only units become I- and B-. Labels that mark no entities stay as they are.

    Example:
    >>> bio_labels(["O", "S-PER", "B-PER", "E-PER", "[CLS]"])
    (('O', 'B-PER', 'B-PER', 'I-PER', 'O'), ['[CLS]'])
    >>> bio_labels(["NOUN", "VERB"])
    (('NOUN', 'VERB'), [])
    """
    counts = collections.Counter(labels)
    scheme, verdict = _judged(counts)
    if verdict not in ("entities", "contradiction"):
        scheme = _types_alone(counts) if is_entities or _are_types(counts) else WORDS
    if is_entities is False or not scheme.marks_entities:
        return tuple(labels), []
    parsed = [scheme.parse(label) or ("O", None) for label in labels]
    letters = {"B": "B-", "I": "I-", "E": "I-", "S": "B-"}
    bio = tuple(f"{letters[position]}{kind}" if kind else "O" for position, kind in parsed)
    return bio, [label for label in labels if scheme.parse(label) is None]


def _judged(counts):
    """tag -> its number -> the scheme with positions that fits most tags, or None; and what that shows.

    That is "entities", where all tags fit; "contradiction", where some can be nothing else and others don't fit;
    "doubt", where some look like entities; or None.
    """
    candidates = [candidate for candidate in _candidates(counts) if candidate[1]]
    if not candidates:
        return None, None
    scheme, fitting = max(candidates, key=lambda candidate: len(candidate[1]))  # the first of the best
    strays = counts.keys() - {*fitting, scheme.outside}
    letters = {scheme.letter(tag) for tag in fitting}
    has_outside = scheme.outside in ("O", "o") and scheme.outside in counts
    begins_or_goes_on = letters & {"B", "I"}
    if scheme.pattern in (_alone(), _alone(LETTERS.lower())):  # without a type
        is_sure = begins_or_goes_on and (has_outside or {"B", "I"} <= letters or {"B", "E"} <= letters)
        contradicts = {"B", "I"} <= letters and has_outside and len(strays) <= len(letters)
    else:
        is_sure = begins_or_goes_on or has_outside
        contradicts = begins_or_goes_on and (has_outside or {"B"} < letters)
        if begins_or_goes_on and strays and not contradicts:
            return scheme, "doubt"
    if not strays:
        return scheme, "entities" if is_sure else None
    return scheme, "contradiction" if contradicts else None


def _candidates(counts):
    """tag -> its number -> pairs of a scheme with positions and the tags that fit it, outside of entities left out."""
    for letters in (LETTERS, LETTERS.lower()):
        patterns = [place(separator, letters) for place in (position_first, _last) for separator in _SEPARATORS]
        for pattern in (*patterns, _alone(letters)):
            fitting = [tag for tag in counts if tag not in OUTSIDES and re.fullmatch(pattern, tag, re.DOTALL)]
            outsides = [tag for tag in OUTSIDES if tag in counts]
            outside = outsides[0] if outsides else OUTSIDES[letters != LETTERS]
            if letters != LETTERS and all(tag == tag.lower() for tag in fitting):
                yield TagScheme("BIO", pattern.replace(letters, LETTERS), outside, uppercase=True), fitting
            else:
                yield TagScheme("BIO", pattern, outside), fitting
    # BPER and IPER: only where all tags are such, and one type has both.
    pattern = f"(?P<position>[{LETTERS}])(?P<type>[^\\W_]\\w+)"
    matches = [re.fullmatch(pattern, tag) for tag in counts if tag != "O"]
    if "O" in counts and all(matches):
        types = collections.defaultdict(set)
        for match in matches:
            types[match["type"]].add(match["position"])
        if any({"B", "I"} <= positions for positions in types.values()):
            yield TagScheme("BIO", pattern), [match[0] for match in matches]


def _types_alone(counts):
    """tag -> its number -> the scheme IO of types without positions."""
    known = [tag for tag in OUTSIDES if tag in counts] or [tag for tag in counts if tag.casefold() in _OTHERS]
    is_lower = known == ["o"] and all(tag == tag.lower() for tag in counts)
    return TagScheme("IO", _TYPE_ALONE, (*known, "O")[0], is_lower)


def _are_types(counts):
    """tag -> its number -> whether these are O and types of entities, and can't be anything else."""
    types = counts.keys() - {"O"} if "O" in counts else counts.keys() - {"o"}
    if not types or len(types) == len(counts) or ("O" not in counts and any(tag != tag.lower() for tag in types)):
        return False
    fits = all(_TYPE_NAME.fullmatch(tag) and re.fullmatch(_TYPE_ALONE, tag) for tag in types)
    return fits and 2 * sum(bool(_NO_TYPE.fullmatch(tag.upper())) for tag in types) < len(types)


def _is_doubtful(counts):
    """tag -> its number, of tags that were read as words' -> whether they might be an entity's."""
    if len(counts) < 2:
        return False
    most = max(counts, key=counts.get)
    return "O" in counts or most.casefold() in _OTHERS or any(map(_MARK.match, counts)) or _judged(counts)[1] == "doubt"


def _last(separator, letters=LETTERS):
    """separator, letters -> pattern of tags as PER-B."""
    return f"(?P<type>.+){re.escape(separator)}(?P<position>[{letters}])"


def _alone(letters=LETTERS):
    """letters -> pattern of tags as B or B-."""
    return f"(?P<position>[{letters}])[-_]?(?P<type>)"
