"""Labelled texts, and labelled pairs of texts, from files or from memory."""

import collections
import itertools
import random
import unicodedata
import warnings
from pathlib import Path

from keras_bert.data.source_files import Faults, half_a_pair
from keras_bert.data.tables import ExampleFile, is_number
from keras_bert.utils.checks import some_of
from keras_bert.utils.files import first_of

# Labels by which programs and annotators say that there is none.
_MISSING = {"nan", "null", "n/a", "#n/a", "<na>", "-", "?"}


class LabelledTexts:
    """Texts, or pairs of texts, with a label each, which can be read any number of times.

    Args:
        rows: Tuples of strings, (text, label) or (text, second text, label), all of the same length: a list, or any
            object that can be iterated over again and again.
        name: What messages call them.

    Attributes:
        num_texts: 1, or 2 for pairs.
        labels: The different labels, sorted (numbers by value): a tuple of strings.
        counts: Label -> number of its examples.
        place: What messages count examples by: "number", or "line" and "item" of files.
        remarks: What is odd, but not wrong: blank texts, labels that only look different, labels such as "nan". A tuple
            of strings.

    Raises:
        ValueError: If there is no example, some aren't such tuples (all of them are named), or `rows` can be read only
            once.

    Example:
    >>> reviews = LabelledTexts([("a good book", "yes"), ("a dull film", "no"), ("good food", "yes")])
    >>> len(reviews), reviews.labels, reviews.counts["yes"], reviews.remarks
    (3, ('no', 'yes'), 2, ())
    """

    def __init__(self, rows, name="the examples"):
        if iter(rows) is rows:
            raise ValueError(
                f"`rows` are read once an epoch. Received: {rows!r}, which can be read only once. Pass a list."
            )
        self._rows = rows if isinstance(rows, (ExampleFile, RowsInMemory)) else RowsInMemory(rows)
        self.name = name
        self.num_texts = None
        self.counts = collections.Counter()
        self._firsts, blank, lost = {}, [], []  # label -> its first number; numbers of examples
        for number, row in self._checked():
            self.counts[row[-1]] += 1
            self._firsts.setdefault(row[-1], number)
            if any(map(is_blank, row[:-1])):
                blank.append(number)
            if any("\ufffd" in text for text in row[:-1]):
                lost.append(number)
        if not self.counts:
            raise ValueError(f"There is no example in {name}. At least one with a text and a label is expected.")
        self.place = self._rows.place
        self.labels = tuple(sorted(self.counts, key=_by_value))
        self.remarks = (*self._rows.remarks(), *self._odd_texts(blank, lost), *self._odd_labels())

    def _checked(self):
        """Yields pairs of an example's number and the example; a `ValueError` names all that aren't any."""
        if isinstance(self._rows, ExampleFile):  # which checks them itself
            self.num_texts = len(self._rows.columns) - 1
            yield from self._rows.numbered()
            return
        with Faults(self.name, "Correct or remove these examples.") as faults:
            for number, row in self._rows.numbered():
                if fault := self._fault_of(row):
                    faults.add(f"{self._rows.place} {number}", fault)
                    continue
                self.num_texts = len(row) - 1
                yield number, row

    def _fault_of(self, row):
        """an example -> what is wrong with it; None if it is one, with as many texts as the first."""
        allowed = (2, 3) if self.num_texts is None else (self.num_texts + 1,)
        is_row = isinstance(row, (tuple, list)) and all(isinstance(part, str) for part in row)
        if not is_row or len(row) not in allowed:
            forms = {2: "(text, label)", 3: "(text, second text, label)"}
            return f"must be a tuple of strings, {' or '.join(forms[length] for length in allowed)}, not {row!r:.200}"
        return next(filter(None, map(half_a_pair, row)), None)

    def _odd_texts(self, blank, lost):
        """numbers of blank texts, and of those with lost characters -> remarks on them."""
        if blank:
            yield (
                f"{len(blank)} examples of {self.name} have a blank text ({self.place} {first_of(blank)}), of which a "
                "model sees nothing. Remove them, or check that the text column is the right one."
            )
        if lost:
            yield (
                f"{len(lost)} examples of {self.name} have the character U+FFFD ({self.place} {first_of(lost)}), which "
                "stands for those that were lost when the text was read in a wrong encoding. Make the file anew."
            )

    def _odd_labels(self):
        """-> remarks on labels that only look different, and on those that say there is none."""
        if groups := alike(self.labels):
            described = "; ".join(", ".join(map(self.described, labels)) for labels in groups)
            yield (
                f"Labels of {self.name} that are different classes look as if they were one: {described}. Make them "
                "the same if they are."
            )
        if missing := [label for label in self.labels if label.lower() in _MISSING]:
            described = ", ".join(map(self.described, missing))
            yield (
                f"Labels of {self.name} look as if there were none: {described}. They are a class like others. Remove "
                "these examples if they have no label."
            )

    def __len__(self):
        return self.counts.total()

    def __iter__(self):
        return iter(self._rows)

    def numbered(self):
        """-> pairs: the number by which messages call an example, and the example."""
        return self._rows.numbered()

    def first(self, label):
        """-> the number by which messages call the first example with this label."""
        return self._firsts[label]

    def described(self, label):
        """a label -> it, the number of its examples and where the first one is, for a message."""
        return f"{label!r} ({self.counts[label]} examples, from {self.place} {self.first(label)} on)"

    def sample(self, size, seed):
        """Returns a random sample of these examples.

        Args:
            size: Number of examples; all of them if there are fewer.
            seed: An integer: the same one gives the same sample.

        Returns:
            A `LabelledTexts`, in the order of this one; it holds its texts in memory.
        """
        if size >= len(self):
            return self
        kept = set(random.Random(seed).sample(range(len(self)), size))
        rows = [row for index, row in enumerate(self.numbered()) if index in kept]
        numbers, examples = zip(*rows, strict=True)
        return LabelledTexts(RowsInMemory(examples, numbers, self.place), f"{size} of {self.name}")


def read_labelled_texts(path, text_column="text", label_column="label"):
    """Opens a file of labelled texts, and reads it through once to check it.

    A table has a line of cells for each example, below a header. The separator is the one of tab, comma, semicolon and
    vertical bar by which the header has the wanted columns. Cells may be quoted as in RFC 4180; between tabs, however,
    they are taken as they are, unless the header's first is quoted, the file's name ends in .csv, or it is in UTF-16,
    as spreadsheets write it. JSON is an object an example: one a line, or all of them in an array, which may be the
    `data` of an object.

    Args:
        path: A file whose name ends in .tsv, .csv, .txt, .tab, .json, .jsonl or .ndjson, and perhaps in .gz behind it;
            in UTF-8, or in UTF-16 with a byte order mark.
        text_column: The column, or key, of the text; for pairs of texts, a tuple of two. Of a table, a number is the
            column's place, counted from 0, or from the end if negative. If all are given so, the table needs no header:
            the first line is an example if its label is a number, or another line's label too.
        label_column: The column, or key, of the label: a string or a number. White space around it doesn't count.

    Returns:
        A `LabelledTexts`. Its remarks, if it has any, are warnings too.

    Raises:
        ValueError: If the file or a column is missing, it is in another format or encoding (the message says how to
            convert it), lines are broken (the first 20 are named), or there is no example.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.csv")
    >>> _ = path.write_text("text;label\\nA good book.;yes\\nA dull film.;no\\n")
    >>> list(read_labelled_texts(path))
    [('A good book.', 'yes'), ('A dull film.', 'no')]
    """
    text_columns = text_column if isinstance(text_column, (tuple, list)) else (text_column,)
    columns = tuple(map(str, (*text_columns, label_column)))
    path = Path(path).expanduser()
    examples = LabelledTexts(ExampleFile(path, columns), str(path))
    for remark in examples.remarks:
        warnings.warn(remark, stacklevel=2)
    return examples


def check_labels(examples, labels):
    """Checks that examples can be classified by these labels, before anything takes time.

    Args:
        examples: A `LabelledTexts`.
        labels: The classes' names.

    Raises:
        ValueError: If a label is no string, an example has one that isn't among `labels`, or there is but one class.

    Example:
    >>> check_labels(LabelledTexts([("a good book", "yes"), ("a dull film", "no")]), ["no", "yes"])
    """
    known = dict.fromkeys(labels)
    if not all(isinstance(label, str) for label in known):
        raise ValueError(f"`labels` must be strings, as the examples' labels are. Received: labels={[*known]!r}.")
    if len(known) < 2:
        raise ValueError(
            f"A classifier needs at least 2 classes. Received: labels={[*known]!r}, for {examples.name}. "
            "Check that the label column is the right one."
        )
    unknown = [label for label in examples.labels if label not in known]
    if unknown:
        twins = [group for group in alike([*known, *unknown]) if not known.keys() >= {*group}]
        hint = (
            f" These only look different: {'; '.join(some_of(map(repr, group)) for group in twins)}." if twins else ""
        )
        raise ValueError(
            f"Every label must be one of {some_of(known)}. In {examples.name} there are others: "
            f"{_with_places(unknown, examples)}.{hint} "
            "Correct or remove these examples, or give examples of these classes to train on."
        )


def check_scores(examples):
    """Checks that examples can be learned by a regressor, before anything takes time.

    Args:
        examples: A `LabelledTexts`.

    Returns:
        The lowest and the highest label: a tuple of two floats.

    Raises:
        ValueError: If a label isn't a finite number, or all are the same.

    Example:
    >>> check_scores(LabelledTexts([("a dog", "a hound", "4.5"), ("a dog", "a plane", "0")]))
    (0.0, 4.5)
    """
    wrong = [label for label in examples.labels if not is_number(label)]
    if wrong:
        commas = any(is_number(label.replace(",", ".", 1)) for label in wrong)
        raise ValueError(
            f"Every label must be a number. In {examples.name} there are others: {_with_places(wrong, examples)}. "
            + ("Write decimals with a point, not with a comma. " if commas else "")
            + "Correct or remove these examples, choose another label column, or train a classifier."
        )
    scores = [float(label) for label in examples.labels]
    if min(scores) == max(scores):
        raise ValueError(
            f"There is nothing to learn: every label in {examples.name} is {examples.labels[0]}. Check that the label "
            "column is the right one."
        )
    return min(scores), max(scores)


def _with_places(labels, examples):
    """labels, LabelledTexts -> the labels with the numbers of their examples, for a message."""
    numbers = {label: [] for label in labels}
    for number, (*_, label) in examples.numbered():
        if label in numbers:
            numbers[label].append(number)
    place = examples.place
    told = [f"{label!r} ({len(found)} examples) in {place} {first_of(found)}" for label, found in numbers.items()]
    return first_of(told, between="; ")


class RowsInMemory:
    """Examples in memory, with the numbers by which messages call them: those from 1 on, or others."""

    def __init__(self, rows, numbers=None, place="number"):
        self._rows, self._numbers, self.place = rows, numbers, place

    def __iter__(self):
        return iter(self._rows)

    def numbered(self):
        return zip(self._numbers or itertools.count(1), self._rows, strict=False)

    def remarks(self):
        return []


def is_blank(text):
    """text -> whether it has no character to be seen."""
    if text.isspace() or not text:
        return True
    # Zero-width spaces and other control characters can't be seen either.
    return not text[0].isalnum() and all(unicodedata.category(character)[0] in "CZ" for character in text)


def alike(labels):
    """Finds labels that only look different.

    Args:
        labels: Strings.

    Returns:
        A list of lists of labels, each of two or more that are the same but for capitals, white space, hyphens and
        underscores, forms of the same letters, characters that can't be seen, or, of numbers, their digits.

    Example:
    >>> alike(["yes", "Yes ", "no", "1", "1.0"])
    [['yes', 'Yes '], ['1', '1.0']]
    """
    groups = {}
    # As scores, 5 and 5.0 are the same anyway.
    are_scores = any(is_number(label) and not float(label).is_integer() for label in labels)
    for label in labels:
        groups.setdefault(label if are_scores and is_number(label) else _essence(label), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _essence(label):
    """label -> what makes it different from others."""
    if is_number(label):
        return float(label)
    seen = "".join(character for character in label if unicodedata.category(character) not in ("Cf", "Cc"))
    words = unicodedata.normalize("NFKC", seen).casefold().replace("-", " ").replace("_", " ").split()
    return " ".join(words) or label


def _by_value(label):
    """label -> sort key: numbers by value, before words."""
    return (0, float(label), label) if is_number(label) else (1, 0.0, label)
