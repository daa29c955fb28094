"""Files of labelled texts, or of labelled pairs of texts -> examples."""

import collections
import csv
import json
import math
import random
from pathlib import Path

from keras_bert.utils.checks import check_encodable, some_of
from keras_bert.utils.files import not_utf8


class LabelledTexts:
    """Texts, or pairs of texts, with a label each, which can be read any number of times.

    Args:
        rows: Tuples of strings, (text, label) or (text, second text, label), all of the same length: a list, or any
            object that can be iterated over again and again.
        name: What error messages call them.

    Attributes:
        num_texts: 1, or 2 for pairs.
        labels: The different labels, sorted (numbers by value): a tuple of strings.
        counts: Label -> number of its examples.

    Raises:
        ValueError: If there is no example, one that isn't such a tuple, or `rows` can be read only once.

    Example:
    >>> reviews = LabelledTexts([("a good book", "yes"), ("a dull film", "no"), ("good food", "yes")])
    >>> len(reviews), reviews.labels, reviews.counts["yes"]
    (3, ('no', 'yes'), 2)
    """

    def __init__(self, rows, name="the examples"):
        if iter(rows) is rows:
            raise ValueError(
                f"`rows` are read once an epoch. Received: {rows!r}, which can be read only once. Pass a list."
            )
        self._rows = rows
        self.name = name
        self.num_texts = None
        self.counts = collections.Counter()
        for number, row in enumerate(rows, 1):
            self._check(number, row)
            self.counts[row[-1]] += 1
        if not self.counts:
            raise ValueError(f"There is no example in {name}. At least one line with a text and a label is expected.")
        self.labels = tuple(sorted(self.counts, key=_by_value))

    def _check(self, number, row):
        """its number, an example -> None; a `ValueError` unless it is one, with as many texts as the first."""
        allowed = (2, 3) if self.num_texts is None else (self.num_texts + 1,)
        is_row = isinstance(row, (tuple, list)) and all(isinstance(part, str) for part in row)
        if not is_row or len(row) not in allowed:
            forms = {2: "(text, label)", 3: "(text, second text, label)"}
            expected = " or ".join(forms[length] for length in allowed)
            raise ValueError(
                f"Each of {self.name} must be a tuple of strings, {expected}. Received as number {number}: {row!r}."
            )
        for part in row:
            check_encodable(part, f"Number {number} of {self.name}")
        self.num_texts = len(row) - 1

    def __len__(self):
        return self.counts.total()

    def __iter__(self):
        return iter(self._rows)

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
        rows = [row for number, row in enumerate(self) if number in kept]
        return LabelledTexts(rows, f"{size} of {self.name}")


def read_labelled_texts(path, text_column="text", label_column="label"):
    """Opens a file of labelled texts, and reads it through once to check it.

    Args:
        path: A file in UTF-8 whose name ends in .tsv (a header, cells between tabs, no quoting), .csv (a header,
            quoting as in RFC 4180) or .jsonl (an object a line).
        text_column: The column, or key, of the text; for pairs of texts, a tuple of two.
        label_column: The column, or key, of the label: a string or a number.

    Returns:
        A `LabelledTexts`.

    Raises:
        ValueError: If the file or a column is missing, a line is broken (it is named), or there is no example.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.tsv")
    >>> _ = path.write_text("text\\tlabel\\nA good book.\\tyes\\nA dull film.\\tno\\n")
    >>> list(read_labelled_texts(path))
    [('A good book.', 'yes'), ('A dull film.', 'no')]
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in _READERS:
        raise ValueError(f"The file must end in {', '.join(_READERS)}. Received: {path}.")
    if not path.is_file():
        raise ValueError(f"There is no file {path}. Its directory, {path.parent.resolve()}, " + _holdings(path.parent))
    text_columns = (text_column,) if isinstance(text_column, str) else tuple(text_column)
    return LabelledTexts(_File(path, (*text_columns, label_column)), str(path))


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
        raise ValueError(
            f"Every label must be one of {some_of(known)}. In {examples.name} there are others: "
            f"{some_of([f'{label!r} ({examples.counts[label]} examples)' for label in unknown])}. "
            "Correct or remove these lines, or give examples of these classes to train on."
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
    wrong = [label for label in examples.labels if not _is_number(label)]
    if wrong:
        raise ValueError(
            f"Every label must be a number. In {examples.name} there are others: "
            f"{some_of([f'{label!r} ({examples.counts[label]} examples)' for label in wrong])}. "
            "Correct or remove these lines, choose another label column, or train a classifier."
        )
    scores = [float(label) for label in examples.labels]
    if min(scores) == max(scores):
        raise ValueError(
            f"There is nothing to learn: every label in {examples.name} is {examples.labels[0]}. Check that the label "
            "column is the right one."
        )
    return min(scores), max(scores)


class _File:
    """The examples of a file, read anew at each iteration."""

    def __init__(self, path, columns):
        self.path, self.columns = path, columns

    def __iter__(self):
        try:
            # utf-8-sig: spreadsheets put a byte order mark before the header. newline="": csv wants its own.
            with open(self.path, encoding="utf-8-sig", newline="") as file:
                yield from _READERS[self.path.suffix.lower()](file, self.path, self.columns)
        except UnicodeDecodeError as error:
            raise not_utf8(self.path) from error


def _read_tsv(file, path, columns):
    lines = (line.rstrip("\r\n") for line in file)
    return _cells(((number, line.split("\t")) for number, line in enumerate(lines, 1) if line), path, columns)


def _read_csv(file, path, columns):
    csv.field_size_limit(2**31 - 1)  # its default refuses cells of more than 131,072 characters
    reader = csv.reader(file, strict=True)
    try:
        yield from _cells(((reader.line_num, row) for row in reader if row), path, columns)
    except csv.Error as error:
        raise ValueError(f"Line {reader.line_num} of {path} isn't CSV: {error}.") from error


def _cells(rows, path, columns):
    """numbered rows of cells, the header first -> examples."""
    _, header = next(rows, (1, []))
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(
            f"{path} has no column {missing[0]!r}. Its header has: {', '.join(map(repr, header)) or 'nothing'}. "
            "Choose among them."
        )
    *texts, label = (header.index(column) for column in columns)
    for number, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"Line {number} of {path} has {len(row)} cells, but the header has {len(header)}: {row!r}."[:500]
            )
        yield (*(row[text] for text in texts), _label(row[label], number, path))


def _read_jsonl(file, path, columns):
    *text_columns, label_column = columns
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"Line {number} of {path} isn't JSON: {error}.") from error
        missing = [column for column in columns if not isinstance(row, dict) or column not in row]
        if missing:
            raise ValueError(
                f"Line {number} of {path} must be an object with the key {missing[0]!r}. Received: {line.strip()[:200]}"
            )
        for column in text_columns:
            if not isinstance(row[column], str):
                raise ValueError(f"Line {number} of {path}: {column!r} must be a string. Received: {row[column]!r}.")
        yield (*(row[column] for column in text_columns), _label(row[label_column], number, path))


# How a name ends -> function: open file, its path, the columns -> examples.
_READERS = {".tsv": _read_tsv, ".csv": _read_csv, ".jsonl": _read_jsonl}


def _label(value, number, path):
    """a cell, or a JSON value -> the label as a string."""
    if not isinstance(value, (str, int, float)) or str(value).strip() == "":
        raise ValueError(f"Line {number} of {path} has no label. Received: {value!r}. Label the line or remove it.")
    return str(value).strip()


def _by_value(label):
    """label -> sort key: numbers by value, before words."""
    return (0, float(label), label) if _is_number(label) else (1, 0.0, label)


def _is_number(label):
    """label -> whether it is a finite number."""
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _holdings(directory):
    """directory -> the end of a sentence on what it holds."""
    if not directory.is_dir():
        return "doesn't exist either."
    names = sorted(path.name for path in directory.iterdir() if path.suffix in _READERS)
    return f"holds {', '.join(names[:10])}." if names else "holds no such file."
