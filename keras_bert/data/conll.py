"""Files of sentences with a tag for each word, or for each character -> examples."""

import collections
import random
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from keras_bert.utils.checks import check_encodable, some_of

# The head of a sentence in KLUE's files: "## klue-ner-v1_dev_00000<tab>the sentence".
_COMMENT_CELL = re.compile(r"#+ [^\t]+\t")
_ENTITY_TAG = re.compile(r"[BIELSU]-.")
# Schemes that mark ends and singles, in the letters of BIO: BIOES has E and S, BILOU has L and U.
_LETTERS = {"S": "B", "U": "B", "E": "I", "L": "I"}
_ENDS = "ESLU"


class TaggedSentence(NamedTuple):
    """A sentence, where its units (words or characters) stand in it, and their tags.

    Args:
        text: The sentence.
        starts: For each unit, its first codepoint in the text.
        ends: For each unit, one past its last codepoint.
        tags: For each unit, its tag.
    """

    text: str
    starts: tuple
    ends: tuple
    tags: tuple


class TaggedSentences:
    """Sentences with a tag for each unit, a word or a character, which can be read any number of times.

    Entity tags (O, B-PERSON, I-PERSON ...) come in IOB1, BIO, BIOES or BILOU and leave in BIO: each entity begins with
    B-, the rest of it has I-. Other tags, as of parts of speech, are left alone.

    Units are characters if each of them is one character, accents and other marks included, and at least one is white
    space, as in files with a character a line, where spaces have lines of their own. The text is then the characters
    put together; otherwise it is the words with a space between them. A file without any space doesn't show what it
    is: tell it by `by_character`.

    Args:
        rows: Pairs (units, tags) of sequences of strings, as many of the one as of the other: a list.
        name: What error messages call them.
        by_character: Whether units are characters, of one or more codepoints. None: found out as above.
        is_entities: Whether the tags mark entities. None: found out; they do if each is O or a letter and a type.

    Attributes:
        tags: The different tags, sorted: a tuple of strings.
        counts: Tag -> number of its units.
        by_character: Whether units are characters.
        is_entities: Whether the tags mark entities.

    Raises:
        ValueError: If there is no sentence, or one that isn't such a pair, or if tags of entities, with O or several
            letters among them, come with others.

    Example:
    >>> sentences = TaggedSentences([(["Ann", "Lee", "left"], ["I-PER", "I-PER", "O"])])
    >>> list(sentences)
    [TaggedSentence(text='Ann Lee left', starts=(0, 4, 8), ends=(3, 7, 12), tags=('B-PER', 'I-PER', 'O'))]
    >>> sentences.tags, sentences.is_entities, sentences.by_character
    (('B-PER', 'I-PER', 'O'), True, False)
    """

    def __init__(self, rows, name="the sentences", by_character=None, is_entities=None):
        self.name = name
        self._rows = [_checked(row, number, name) for number, row in enumerate(rows, 1)]
        if not self._rows:
            raise ValueError(f"There is no sentence in {name}. At least one line with a word and a tag is expected.")
        units = {unit for units, _ in self._rows for unit in units}
        characters = all(map(_is_character, units)) and any(unit.isspace() for unit in units)
        self.by_character = characters if by_character is None else by_character
        came = collections.Counter(tag for _, tags in self._rows for tag in tags)
        self.is_entities = _checked_entities(came, name, is_entities)
        if self.is_entities:
            self._rows = [(units, to_bio(tags)) for units, tags in self._rows]
        self.counts = collections.Counter(tag for _, tags in self._rows for tag in tags)
        self.tags = tuple(sorted(self.counts))

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        separator = "" if self.by_character else " "
        for units, tags in self._rows:
            starts, ends, position = [], [], 0
            for unit in units:
                starts.append(position)
                ends.append(position + len(unit))
                position = ends[-1] + len(separator)
            yield TaggedSentence(separator.join(units), tuple(starts), tuple(ends), tags)

    def sample(self, size, seed):
        """Returns a random sample of these sentences.

        Args:
            size: Number of sentences; all of them if there are fewer.
            seed: An integer: the same one gives the same sample.

        Returns:
            A `TaggedSentences`, in the order of this one, with the same `by_character` and `is_entities`.
        """
        if size >= len(self):
            return self
        kept = sorted(random.Random(seed).sample(range(len(self)), size))
        rows = [self._rows[i] for i in kept]
        return TaggedSentences(rows, f"{size} of {self.name}", self.by_character, self.is_entities)


def read_tagged(path, word_column=None, tag_column=None, by_character=None):
    """Reads a CoNLL or CoNLL-U file.

    Lines have cells between tabs, or between spaces if the first line with a word has no tab. Sentences end at lines
    with nothing but white space. `-DOCSTART-` lines and comments are left out: lines that begin with "#" and have no
    tab, nor as many cells as the first line that begins with something else, or that begin with "# " or "## " and have
    words before their first tab. Of CoNLL-U, ranges of words written together (1-2) and words that aren't written (1.1)
    are left out too.

    Args:
        path: A file in UTF-8. One whose name ends in .conllu is CoNLL-U.
        word_column: The column of the words, counted from 0, or from the end if negative. None: 0; of CoNLL-U, 1.
        tag_column: The column of the tags. None: the last; of CoNLL-U, 3, the universal part of speech.
        by_character: As in `TaggedSentences`. Of files that go together give all the same: that of the first.

    Returns:
        A `TaggedSentences`.

    Raises:
        ValueError: If the file or a column is missing, a line has another number of cells than the first or an empty
            one where a word or tag is expected (it is named), there is no sentence, or some tags mark entities and
            others don't.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "people.conll")
    >>> _ = path.write_text("Ann\\tB-PER\\nLee\\tI-PER\\nleft\\tO\\n\\nBob\\tB-PER\\n")
    >>> [sentence.text for sentence in read_tagged(path)]
    ['Ann Lee left', 'Bob']
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"There is no file {path}. Check the name.")
    universal = path.suffix.lower() == ".conllu"
    if word_column is None:
        word_column = 1 if universal else 0
    if tag_column is None:
        tag_column = 3 if universal else -1
    try:
        # utf-8-sig: some editors put a byte order mark first. newline: a word may have any other line break in it.
        with open(path, encoding="utf-8-sig", newline="\n") as file:
            lines = [line.rstrip("\r\n") for line in file]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} isn't UTF-8: {error}. Convert it first, for example with iconv -t UTF-8.") from error
    return TaggedSentences(_sentences(lines, path, universal, word_column, tag_column), str(path), by_character)


def check_tags(sentences, tags):
    """Checks that sentences can be tagged by these tags, before anything takes time.

    Args:
        sentences: A `TaggedSentences`.
        tags: The tags of the model.

    Raises:
        ValueError: If a unit has a tag that isn't among `tags`, there is but one, or either the sentences' or the
            model's tags mark entities and the others don't.

    Example:
    >>> check_tags(TaggedSentences([(["Ann", "left"], ["B-PER", "O"])]), ["B-PER", "I-PER", "O"])
    """
    known = dict.fromkeys(tags)
    if len(known) < 2:
        raise ValueError(
            f"Tagging needs at least 2 tags. Received: tags={[*known]!r}, for {sentences.name}. Check that the tag "
            "column is the right one."
        )
    is_entities = not _strays(known)
    if sentences.is_entities != is_entities and sentences.tags != ("O",):
        ours, theirs = ("do", "don't") if sentences.is_entities else ("don't", "do")
        raise ValueError(
            f"Sentences to train on and to tag must have tags of the same kind. Those of {sentences.name}, "
            f"{some_of(sentences.tags)}, {ours} mark entities; those of the model, {some_of(known)}, {theirs}. Check "
            "that the tag column is the right one in both."
        )
    unknown = [tag for tag in sentences.tags if tag not in known]
    if unknown:
        raise ValueError(
            f"Every tag must be one of {some_of(known)}. In {sentences.name} there are others: "
            f"{some_of([f'{tag!r} ({sentences.counts[tag]} times)' for tag in unknown])}. Correct these lines, check "
            "that the tag column is the right one, or give sentences with these tags to train on."
        )


def to_bio(tags):
    """Puts a sentence's entity tags into BIO.

    Args:
        tags: Strings: O, or a letter and a type as in B-PERSON, in IOB1, BIO, BIOES or BILOU.

    Returns:
        A tuple of as many tags: B- where an entity begins, I- where it goes on. An I- that continues nothing of its
        type begins an entity, which is what it says in IOB1.

    Example:
    >>> to_bio(["I-LOC", "B-LOC", "E-LOC", "O", "S-PER", "I-PER"])
    ('B-LOC', 'B-LOC', 'I-LOC', 'O', 'B-PER', 'B-PER')
    """
    bio, open_type = [], None  # the type that an I- would continue
    for tag in tags:
        if tag == "O":
            bio.append(tag)
            open_type = None
            continue
        letter, kind = tag[0], tag[2:]
        begins = _LETTERS.get(letter, letter) == "B" or kind != open_type
        bio.append(f"{'B' if begins else 'I'}-{kind}")
        open_type = None if letter in _ENDS else kind
    return tuple(bio)


def _checked(row, number, name):
    """(units, tags), its number, whose -> the same as tuples; a `ValueError` unless they are as many strings."""
    is_pair = isinstance(row, (tuple, list)) and len(row) == 2 and all(isinstance(part, (tuple, list)) for part in row)
    if not is_pair or not all(isinstance(item, str) and item for part in row for item in part):
        raise ValueError(
            f"Each of {name} must be a pair of lists of strings, (units, tags), none of them empty. Received as number "
            f"{number}: {row!r}."[:500]
        )
    for item in (item for part in row for item in part):
        check_encodable(item, f"Number {number} of {name}")
    units, tags = map(tuple, row)
    if not units or len(units) != len(tags):
        raise ValueError(
            f"Each unit needs a tag. Number {number} of {name} has {len(units)} units and {len(tags)} tags: {row!r}."[
                :500
            ]
        )
    return units, tags


def _is_character(unit):
    """a string -> whether it is one character with its marks, as e and a combining accent."""
    return all(unicodedata.category(codepoint)[0] == "M" for codepoint in unit[1:])


def _strays(tags):
    """tags -> those that mark no entity: neither O nor a letter and a type."""
    return [tag for tag in tags if tag != "O" and not _ENTITY_TAG.match(tag)]


def _checked_entities(counts, name, is_entities):
    """tag -> its number, whose, what is said of them -> whether they mark entities; a `ValueError` if but some do."""
    strays = _strays(counts)
    letters = {tag[0] for tag in counts if _ENTITY_TAG.match(tag)}
    is_mixed = letters & {"B", "I"} and ("O" in counts or {"B"} < letters)  # I- and O alone: IOB1
    if strays and (is_entities or (is_entities is None and is_mixed)):
        raise ValueError(
            f"Tags that mark entities are O, or B-, I-, E-, L-, S- or U- with a type behind it. In {name} there are "
            f"others too: {some_of([f'{tag!r} ({counts[tag]} times)' for tag in strays])}. Correct these lines, or "
            "check that the tag column is the right one."
        )
    return counts.keys() != {"O"} and not strays if is_entities is None else is_entities


def _sentences(lines, path, universal, word_column, tag_column):
    """lines of a file, its path, whether it is CoNLL-U, columns -> (words, tags) of each sentence."""
    full = ((i, line) for i, line in enumerate(lines, 1) if line.strip())
    first = next(((i, line) for i, line in full if not line.startswith(("#", "-DOCSTART-"))), None)
    if first is None:
        return
    separator = "\t" if universal or "\t" in first[1] else None
    num_cells = len(first[1].split(separator))
    _check_columns(num_cells, first[0], path, word_column, tag_column)
    words, tags = [], []
    for number, line in enumerate(lines, 1):
        cells = line.split(separator)
        if not line.strip():
            if words:
                yield words, tags
            words, tags = [], []
            continue
        is_comment = line[0] == "#" and (
            universal or _COMMENT_CELL.match(line) or ("\t" not in line and len(cells) != num_cells)
        )
        if is_comment or line.startswith("-DOCSTART-"):
            continue
        if len(cells) != num_cells:
            raise ValueError(
                f"Line {number} of {path} has {len(cells)} cells, but line {first[0]} has {num_cells}: {line!r}. "
                "Complete it; sentences are parted by an empty line."
            )
        if universal and not cells[0].isdecimal():
            continue
        word, tag = cells[word_column], cells[tag_column].strip()
        if not word or not tag:
            raise ValueError(f"Line {number} of {path} has no {'tag' if word else 'word'}: {line!r}. Complete it.")
        words.append(word)
        tags.append(tag)
    if words:
        yield words, tags


def _check_columns(num_cells, number, path, word_column, tag_column):
    """cells of the first line, its number, path, columns -> None; a `ValueError` if there is no such column."""
    for name, column in (("word_column", word_column), ("tag_column", tag_column)):
        if not -num_cells <= column < num_cells:
            raise ValueError(
                f"`{name}` must be a column's number, from 0 to {num_cells - 1}, or from -{num_cells} to -1 counted "
                f"from the end: line {number} of {path} has {num_cells} cells. Received: {name}={column}."
            )
    if word_column % num_cells == tag_column % num_cells:
        raise ValueError(
            f"Words and tags must be in different columns. Received: word_column={word_column} and "
            f"tag_column={tag_column}, for {path} with {num_cells} cells a line."
        )
