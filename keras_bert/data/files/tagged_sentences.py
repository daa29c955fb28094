"""Sentences with a tag for each word, or for each character."""

import collections
import copy
import random
import unicodedata
import warnings
from typing import NamedTuple

from keras_bert.utils.checks import check_encodable, some_of
from keras_bert.utils.tag_recognition import find_scheme, remark
from keras_bert.utils.tag_schemes import check_fits, is_bio, times, to_bio


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

    Tags that mark entities come in any scheme that `find_scheme` of keras_bert.utils.tag_recognition knows, and leave
    in BIO: each entity begins with B-, the rest of it has I-, what is in none has O. A warning says which scheme was
    found, unless it is BIO. Other tags, as of parts of speech, are left alone.

    Units are characters if each of them is one character, accents and other marks included, and at least one is white
    space, as in files with a character a line, where spaces have lines of their own. The text is then the characters
    put together; otherwise it is the words with a space between them. A file without any space doesn't show what it
    is: tell it by `by_character`.

    Args:
        rows: Pairs (units, tags) of sequences of strings, as many of the one as of the other: a list.
        name: What error messages call them.
        by_character: Whether units are characters, of one or more codepoints. None: found out as above.
        is_entities: Whether the tags mark entities. None: found out.
        scheme: How they do: the `scheme` of the sentences that these go with. None: found out.

    Attributes:
        tags: The different tags, sorted: a tuple of strings.
        labels: The tags that a model of them has: the same, and I- beside each B-.
        counts: Tag -> number of its units.
        by_character: Whether units are characters.
        is_entities: Whether the tags mark entities.
        scheme: How they did in `rows`: a `TagScheme`.

    Raises:
        ValueError: If there is no sentence, or one that isn't such a pair, or if some tags mark entities and others
            don't.

    Example:
    >>> sentences = TaggedSentences([(["Ann", "Lee", "left"], ["B-PER", "I-PER", "O"]), (["Rome"], ["B-LOC"])])
    >>> next(iter(sentences))
    TaggedSentence(text='Ann Lee left', starts=(0, 4, 8), ends=(3, 7, 12), tags=('B-PER', 'I-PER', 'O'))
    >>> sentences.labels, sentences.is_entities, sentences.by_character
    (('B-LOC', 'B-PER', 'I-LOC', 'I-PER', 'O'), True, False)
    """

    def __init__(self, rows, name="the sentences", by_character=None, is_entities=None, scheme=None):
        self.name = name
        rows = [_checked(row, number, name) for number, row in enumerate(rows, 1)]
        if not rows:
            raise ValueError(f"There is no sentence in {name}. At least one line with a word and a tag is expected.")
        units = {unit for units, _ in rows for unit in units}
        self.by_character = are_characters(units) if by_character is None else by_character
        sequences = [tags for _, tags in rows]
        self.scheme = scheme_of(sequences, name, is_entities) if scheme is None else scheme
        self.is_entities = self.scheme.marks_entities
        check_fits(collections.Counter(tag for tags in sequences for tag in tags), self.scheme, name)
        self._set_rows([(units, to_bio(tags, self.scheme)) for units, tags in rows])

    def _set_rows(self, rows):
        """pairs of units and tags, checked and in BIO -> None."""
        self._rows = rows
        self.counts = collections.Counter(tag for _, tags in rows for tag in tags)
        self.tags = tuple(sorted(self.counts))
        goes_on = {f"I-{tag[2:]}" for tag in self.tags if self.is_entities and tag != "O"}
        self.labels = tuple(sorted({*self.tags} | goes_on))

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return (sentence_of(units, tags, self.by_character) for units, tags in self._rows)

    def sample(self, size, seed):
        """Returns a random sample of these sentences.

        Args:
            size: Number of sentences; all of them if there are fewer.
            seed: An integer: the same one gives the same sample.

        Returns:
            A `TaggedSentences`, in the order of this one, with the same `by_character`, `is_entities` and `scheme`.
        """
        return self if size >= len(self) else self.chosen(random.Random(seed).sample(range(len(self)), size))

    def chosen(self, places):
        """Returns some of these sentences.

        Args:
            places: Which, counted from 0: integers.

        Returns:
            A `TaggedSentences`, as `sample` gives it.
        """
        chosen = copy.copy(self)
        chosen.name = f"{len(places)} of {self.name}"
        chosen._set_rows([self._rows[place] for place in sorted(places)])
        return chosen


def sentence_of(units, tags, by_character):
    """Puts a sentence together of its units: strings, their tags, whether they are characters -> `TaggedSentence`.

    Example:
    >>> sentence_of(["Ann", "left"], ["B-PER", "O"], by_character=False)
    TaggedSentence(text='Ann left', starts=(0, 4), ends=(3, 8), tags=('B-PER', 'O'))
    """
    separator = "" if by_character else " "
    starts, ends, position = [], [], 0
    for unit in units:
        starts.append(position)
        ends.append(position + len(unit))
        position = ends[-1] + len(separator)
    return TaggedSentence(separator.join(units), tuple(starts), tuple(ends), tuple(tags))


def are_characters(units):
    """Tells whether units of sentences are characters: the different units -> bool.

    Example:
    >>> are_characters({"a", " ", "b"}), are_characters({"a", "b"})
    (True, False)
    """
    return all(map(_is_character, units)) and any(unit.isspace() for unit in units)


def scheme_of(sequences, name, is_entities=None, first_lines=None):
    """Finds out how tags mark entities, as `find_scheme`, and warns where that isn't plain to see."""
    scheme = find_scheme(sequences, name, is_entities, first_lines)
    message = remark(sequences, scheme, name) if is_entities is not False else None
    if message is not None:
        warnings.warn(message, stacklevel=3)
    return scheme


def check_tags(sentences, tags):
    """Checks that sentences can be tagged by these tags, before anything takes time.

    Where the sentences have tags that aren't among them, no answer can be right: each counts as an error in the scores,
    and a warning names them.

    Args:
        sentences: A `TaggedSentences`.
        tags: The tags of the model.

    Raises:
        ValueError: If there is but one tag, none of the sentences' tags is among `tags`, or either the sentences' or
            the model's tags mark entities and the others don't.

    Example:
    >>> check_tags(TaggedSentences([(["Ann", "left"], ["B-PER", "O"])]), ["B-PER", "I-PER", "O"])
    """
    unknown = unknown_tags(sentences, tags)
    if len(unknown) == len(sentences.tags):
        raise ValueError(
            f"None of the tags of {sentences.name}, {some_of(sentences.tags)}, is one of the model's, {some_of(tags)}. "
            "Check that the tag column is the right one in both."
        )
    if unknown:
        warnings.warn(
            f"In {sentences.name} there are tags that the model doesn't have: {_counted(sentences, unknown)}. Each "
            f"counts as an error in the scores. The model has {some_of(tags)}.",
            stacklevel=2,
        )


def check_learnable(sentences, tags):
    """Checks that a model with these tags can be trained on sentences.

    Args:
        sentences: A `TaggedSentences`.
        tags: The tags of the model.

    Raises:
        ValueError: As in `check_tags`, or if any tag of the sentences isn't among `tags`.

    Example:
    >>> check_learnable(TaggedSentences([(["Ann", "left"], ["B-PER", "O"])]), ["B-PER", "I-PER", "O"])
    """
    unknown = unknown_tags(sentences, tags)
    if unknown:
        raise ValueError(
            f"Every tag must be one of {some_of(tags)}. In {sentences.name} there are others: "
            f"{_counted(sentences, unknown)}. Correct these lines, check that the tag column is the right one, or "
            "make the model with the `labels` of these sentences."
        )


def unknown_tags(sentences, tags):
    """`TaggedSentences`, the model's tags -> a list of the sentences' tags that aren't among them.

    A `ValueError` if there is but one tag, or those of the one mark entities and those of the other don't.
    """
    known = dict.fromkeys(tags)
    if len(known) < 2:
        raise ValueError(
            f"Tagging needs at least 2 tags. Received: tags={[*known]!r}, for {sentences.name}. Check that the tag "
            "column is the right one."
        )
    if sentences.is_entities != is_bio(known) and sentences.tags != ("O",):
        ours, theirs = ("do", "don't") if sentences.is_entities else ("don't", "do")
        raise ValueError(
            f"Sentences to train on and to tag must have tags of the same kind. Those of {sentences.name}, "
            f"{some_of(sentences.tags)}, {ours} mark entities in BIO; those of the model, {some_of(known)}, {theirs}. "
            "Check that the tag column is the right one in both."
        )
    return [tag for tag in sentences.tags if tag not in known]


def _counted(sentences, tags):
    """`TaggedSentences`, some of their tags -> the tags and their numbers, for a message."""
    return some_of(f"{tag!r} ({times(sentences.counts[tag])})" for tag in tags)


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
