"""Labelled texts, and labelled pairs of texts, from files or from memory."""

import collections
import random
import re
import unicodedata
import warnings
from pathlib import Path

from keras_bert.data.files.example_rows import ChosenRows, RowsInMemory, WeightedRow
from keras_bert.data.files.label_cells import SeveralLabels
from keras_bert.data.files.source_files import Faults, half_a_pair
from keras_bert.data.files.table_layouts import is_number
from keras_bert.data.files.tables import ExampleFile
from keras_bert.utils.checks import check_boolean, some_of
from keras_bert.utils.files import first_of

# Labels by which programs and annotators say that there is none.
_MISSING = {"nan", "null", "n/a", "#n/a", "<na>", "-", "?"}


class LabelledTexts:
    """Texts, or pairs of texts, with a label each or several, which can be read any number of times.

    Args:
        rows: Tuples of strings, (text, label) or (text, second text, label), all of the same length: a list, or any
            object that can be iterated over again and again. Where a text may have several labels, or none, a tuple or
            list of strings stands for the label, in all of them. Where examples have weights, all are `WeightedRow`s of
            such tuples.
        name: What messages call them.

    Attributes:
        num_texts: 1, or 2 for pairs.
        multi_label: Whether a text may have several labels.
        is_weighted: Whether the examples have weights.
        labels: The different labels, sorted (numbers by value): a tuple of strings. Of columns of 0 and 1 all of these,
            in their order.
        counts: Label -> number of its examples.
        place: What messages count examples by: "number", or "line" and "item" of files.
        remarks: What is odd, but not wrong: blank texts, labels that only look different, labels such as "nan". A tuple
            of strings.

    Raises:
        ValueError: If there is no example, some aren't such tuples (all of them are named), all weigh 0, or `rows` can
            be read only once.

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
        self.num_texts, self.multi_label, self.is_weighted = None, None, None
        self.counts, self._count, self._most = collections.Counter(), 0, 0
        self._firsts, blank, lost = {}, [], []  # label -> its first number; numbers of examples
        heaviest = 0.0
        for number, row in self._checked():
            heaviest = max(heaviest, getattr(row, "weight", 1.0))
            labels = labels_of(row)
            self._count, self._most = self._count + 1, max(self._most, len(labels))
            for label in labels:
                self.counts[label] += 1
                self._firsts.setdefault(label, number)
            if any(map(is_blank, row[:-1])):
                blank.append(number)
            if any("\ufffd" in text for text in row[:-1]):
                lost.append(number)
        if not self._count:
            raise ValueError(f"There is no example in {name}. At least one with a text and a label is expected.")
        if heaviest == 0:
            raise ValueError(f"All examples of {name} have the weight 0, so that nothing would be learned.")
        self.place = self._rows.place
        self.labels = self._rows.classes or tuple(sorted(self.counts, key=_by_value))
        self.remarks = (*self._rows.remarks(), *self._odd_texts(blank, lost), *self._odd_labels())

    def _checked(self):
        """Yields pairs of an example's number and the example; a `ValueError` names all that aren't any."""
        if isinstance(self._rows, ExampleFile):  # which checks them itself
            self.num_texts, self.multi_label = self._rows.num_texts, self._rows.several is not None
            self.is_weighted = self._rows.is_weighted
            yield from self._rows.numbered()
            return
        with Faults(self.name, "Correct or remove these examples.") as faults:
            for number, row in self._rows.numbered():
                if fault := self._fault_of(row):
                    faults.add(f"{self._rows.place} {number}", fault)
                    continue
                self.num_texts, self.multi_label = len(row) - 1, not isinstance(row[-1], str)
                self.is_weighted = isinstance(row, WeightedRow)
                yield number, row

    def _fault_of(self, row):
        """an example -> what is wrong with it; None if it is one, with as many texts as the first."""
        allowed = (2, 3) if self.num_texts is None else (self.num_texts + 1,)
        *texts, last = row if isinstance(row, (tuple, list)) and row else [None]
        labels = last if isinstance(last, (tuple, list)) else [last]
        if len(texts) + 1 not in allowed or not all(isinstance(part, str) for part in (*texts, *labels)):
            forms = {2: "(text, label)", 3: "(text, second text, label)"}
            return f"must be a tuple of strings, {' or '.join(forms[length] for length in allowed)}, not {row!r:.200}"
        if self.multi_label not in (None, labels is last):
            expected = "a list of labels" if self.multi_label else "one label"
            return f"must have {expected}, as the first has, not {row!r:.200}"
        if self.is_weighted not in (None, isinstance(row, WeightedRow)):
            return f"must have {'a' if self.is_weighted else 'no'} weight, as the first, not {row!r:.200}"
        if labels is last and (not all(labels) or len({*labels}) < len(labels)):
            return f"must have different labels that aren't empty, not {last!r:.200}"
        return next(filter(None, map(half_a_pair, (*texts, *labels))), None)

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
        """-> remarks on labels that only look different, that say there is none, and that look like several."""
        unparted = [label for label in self.labels if re.search("[,;|/]", label)]
        if self.multi_label and self._most < 2 and unparted:
            yield (
                f"No text of {self.name} has more than one label, but labels look as if they were several: "
                f"{first_of([*map(self.described, unparted)], 5)}. Give what stands between them, label_separator."
            )
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
        return self._count

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
        if label not in self._firsts:  # of columns of 0 and 1
            return f"{label!r} (no example)"
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
        chosen = RowsInMemory(examples, numbers, self.place, self._rows.classes)
        return LabelledTexts(chosen, f"{size} of {self.name}")

    def chosen(self, places):
        """Returns some of these examples.

        Args:
            places: Which, counted from 0: integers.

        Returns:
            A `LabelledTexts`, in the order of this one; it reads a file's texts from the file.
        """
        return LabelledTexts(ChosenRows(self._rows, len(self), places), f"{len(places)} of {self.name}")


def labels_of(row):
    """an example -> its labels: the one, or all of several."""
    return (row[-1],) if isinstance(row[-1], str) else row[-1]


def read_labelled_texts(
    path, text_column="text", label_column="label", multi_label=False, label_separator="|", weight_column=None
):
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
        multi_label: Whether a text may have several labels, or none. They stand in one column, parted by
            `label_separator`, or in JSON as a list; or `label_column` is a tuple of columns, one for each label, with 1
            where the text has it, else 0.
        label_separator: What stands between the labels of a cell. White space around them doesn't count.
        weight_column: The column, or key, of a number of at least 0, by which an example counts in the mean of a loss
            while training. None: all count alike.

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
    >>> _ = path.write_text("text;label\\nGood food, but dear.;food|price\\nA table by the door.;\\n")
    >>> list(read_labelled_texts(path, multi_label=True))
    [('Good food, but dear.', ('food', 'price')), ('A table by the door.', ())]
    """
    given = (text_column, label_column)
    text_columns, label_columns = (tuple(map(str, c if isinstance(c, (tuple, list)) else (c,))) for c in given)
    if not check_boolean("multi_label", multi_label) and len(label_columns) != 1:
        raise ValueError(
            f"Several columns of labels are read with multi_label=True. Received: label_column={label_column!r}."
        )
    several = SeveralLabels(label_columns, label_separator) if multi_label else None
    path = Path(path).expanduser()
    weight = None if weight_column is None else str(weight_column)
    file = ExampleFile(path, (*text_columns, *label_columns), several=several, weight=weight)
    examples = LabelledTexts(file, str(path))
    for remark in examples.remarks:
        warnings.warn(remark, stacklevel=2)
    return examples


def check_labels(examples, labels):
    """Checks that examples can be classified by these labels, before anything takes time.

    Args:
        examples: A `LabelledTexts`.
        labels: The classes' names.

    Raises:
        ValueError: If a label is no string, an example has one that isn't among `labels`, or there is but one class,
            and a text has one label.

    Example:
    >>> check_labels(LabelledTexts([("a good book", "yes"), ("a dull film", "no")]), ["no", "yes"])
    """
    known = dict.fromkeys(labels)
    if not all(isinstance(label, str) for label in known):
        raise ValueError(f"`labels` must be strings, as the examples' labels are. Received: labels={[*known]!r}.")
    if len(known) < (1 if examples.multi_label else 2):
        raise ValueError(
            f"A classifier needs at least {1 if examples.multi_label else 2} classes. Received: labels={[*known]!r}, "
            f"for {examples.name}. Check that the label column is the right one."
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
    if examples.multi_label:
        raise ValueError(
            f"A regressor learns one number a text, and {examples.name} has several labels a text. Read them without "
            "multi_label, or train a classifier."
        )
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
    for number, row in examples.numbered():
        for label in numbers.keys() & {*labels_of(row)}:
            numbers[label].append(number)
    place = examples.place
    told = [f"{label!r} ({len(found)} examples) in {place} {first_of(found)}" for label, found in numbers.items()]
    return first_of(told, between="; ")


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
