"""Labelled examples in files -> batches, one function a fine-tuning pattern."""

import collections
import csv
import json
import math
import random
from pathlib import Path

import tensorflow as tf

from keras_bert.checks import some_of
from keras_bert.data.packing import check_max_length, length_bucketed, pack

# Rows that are shuffled at a time: with max_length, they bound the memory of a data set of any size.
_SHUFFLE_BUFFER = 50_000
# Texts, and characters, that pass from Python to TensorFlow at a time; a single text may be longer.
_CHUNK_TEXTS = 256
_CHUNK_CHARACTERS = 1_000_000


class LabelledTexts:
    """Texts with a label each, which can be read any number of times.

    Args:
        pairs: Pairs of strings, (text, label): a list, or any object that can be iterated over again and again.
        name: What error messages call them.

    Attributes:
        labels: The different labels, sorted (numbers by value): a tuple of strings.
        counts: Label -> number of its examples.

    Raises:
        ValueError: If there is no example, one that isn't a pair of strings, or `pairs` can be read only once.

    Example:
    >>> reviews = LabelledTexts([("a good book", "yes"), ("a dull film", "no"), ("good food", "yes")])
    >>> len(reviews), reviews.labels, reviews.counts["yes"]
    (3, ('no', 'yes'), 2)
    """

    def __init__(self, pairs, name="the examples"):
        if iter(pairs) is pairs:
            raise ValueError(
                f"`pairs` are read once an epoch. Received: {pairs!r}, which can be read only once. Pass a list."
            )
        self._pairs = pairs
        self.name = name
        self.counts = collections.Counter()
        for number, pair in enumerate(pairs, 1):
            if not isinstance(pair, (tuple, list)) or [type(part) for part in pair] != [str, str]:
                raise ValueError(
                    f"Each of {name} must be a pair of strings, (text, label). Received as number {number}: {pair!r}."
                )
            self.counts[pair[1]] += 1
        if not self.counts:
            raise ValueError(f"There is no example in {name}. At least one line with a text and a label is expected.")
        self.labels = tuple(sorted(self.counts, key=_by_value))

    def __len__(self):
        return self.counts.total()

    def __iter__(self):
        return iter(self._pairs)

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
        return LabelledTexts([pair for i, pair in enumerate(self) if i in kept], f"{size} of {self.name}")


def read_labelled_texts(path, text_column="text", label_column="label"):
    """Opens a file of labelled texts, and reads it through once to check it.

    Args:
        path: A file in UTF-8 whose name ends in .tsv (a header, cells between tabs, no quoting), .csv (a header,
            quoting as in RFC 4180) or .jsonl (an object a line).
        text_column: The column, or key, of the text.
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
    return LabelledTexts(_File(path, text_column, label_column), str(path))


def check_labels(examples, labels):
    """Checks that examples can be classified by these labels, before anything takes time.

    Args:
        examples: A `LabelledTexts`.
        labels: The classes' names.

    Raises:
        ValueError: If an example has a label that isn't among `labels`, or there is but one class.

    Example:
    >>> check_labels(LabelledTexts([("a good book", "yes"), ("a dull film", "no")]), ["no", "yes"])
    """
    known = dict.fromkeys(labels)
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


def classification_batches(examples, tokenizer, labels, batch_size, max_length, seed=None, multiple_of=1):
    """Turns labelled texts into batches for a text classifier.

    Args:
        examples: A `LabelledTexts`, or a list of pairs of strings, (text, label).
        tokenizer: A `WordPieceTokenizer`.
        labels: The classes' names in the order of the model's logits.
        batch_size: Number of examples in a batch.
        max_length: The most tokens of a row, [CLS] and [SEP] included; what is longer loses its end.
        seed: An integer: shuffled by it, anew each epoch. None: not shuffled, but sorted by length within windows
            of 64 batches.
        multiple_of: T is rounded up to a multiple of this. On a GPU, or wherever each new shape is compiled, 16 or more
            keeps the shapes few.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [B, T] with rows of near-equal length, and the classes' numbers, int32 [B].

    Raises:
        ValueError: If an example has a label that isn't among `labels`, there is but one class, or an argument is
            out of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "dull"])
    >>> reviews = LabelledTexts([("good good", "yes"), ("dull", "no")])
    >>> for inputs, classes in classification_batches(reviews, tokenizer, ["no", "yes"], batch_size=2, max_length=8):
    ...     print(inputs["token_ids"].numpy().tolist(), classes.numpy().tolist())
    [[2, 6, 3, 0], [2, 5, 5, 3]] [0, 1]
    """
    if not isinstance(examples, LabelledTexts):
        examples = LabelledTexts(examples)
    check_labels(examples, labels)
    check_max_length(max_length)
    number_of = {label: number for number, label in enumerate(labels)}

    def chunks():
        """-> lists of texts and of their classes' numbers."""
        texts, numbers, characters = [], [], 0
        for text, label in examples:
            texts.append(text)
            numbers.append(number_of[label])
            characters += len(text)
            if len(texts) == _CHUNK_TEXTS or characters > _CHUNK_CHARACTERS:
                yield texts, numbers
                texts, numbers, characters = [], [], 0
        if texts:
            yield texts, numbers

    signature = (tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int32))
    rows = tf.data.Dataset.from_generator(chunks, output_signature=signature)
    rows = rows.map(lambda texts, numbers: (pack(tokenizer(texts), tokenizer, max_length), numbers)).unbatch()
    if seed is not None:
        rows = rows.shuffle(min(len(examples), _SHUFFLE_BUFFER), seed=seed)
    batches = length_bucketed(rows, tokenizer, batch_size, seed, multiple_of)
    num_batches = -(-len(examples) // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(num_batches)).prefetch(tf.data.AUTOTUNE)


class _File:
    """The pairs of a file, read anew at each iteration."""

    def __init__(self, path, text_column, label_column):
        self.path, self.columns = path, (text_column, label_column)

    def __iter__(self):
        try:
            # utf-8-sig: spreadsheets put a byte order mark before the header. newline="": csv wants its own.
            with open(self.path, encoding="utf-8-sig", newline="") as file:
                yield from _READERS[self.path.suffix.lower()](file, self.path, self.columns)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self.path} isn't UTF-8: {error}. Convert it first, for example with iconv -t UTF-8."
            ) from error


def _read_tsv(file, path, columns):
    """open file -> pairs."""
    lines = (line.rstrip("\r\n") for line in file)
    return _cells(((number, line.split("\t")) for number, line in enumerate(lines, 1) if line), path, columns)


def _read_csv(file, path, columns):
    """open file -> pairs."""
    csv.field_size_limit(2**31 - 1)  # its default refuses cells of more than 131,072 characters
    reader = csv.reader(file, strict=True)
    try:
        yield from _cells(((reader.line_num, row) for row in reader if row), path, columns)
    except csv.Error as error:
        raise ValueError(f"Line {reader.line_num} of {path} isn't CSV: {error}.") from error


def _cells(rows, path, columns):
    """numbered rows of cells, the header first -> pairs."""
    _, header = next(rows, (1, []))
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(
            f"{path} has no column {missing[0]!r}. Its header has: {', '.join(map(repr, header)) or 'nothing'}. "
            "Choose among them with text_column and label_column."
        )
    text, label = (header.index(column) for column in columns)
    for number, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"Line {number} of {path} has {len(row)} cells, but the header has {len(header)}: {row!r}."[:500]
            )
        yield row[text], _label(row[label], number, path)


def _read_jsonl(file, path, columns):
    """open file -> pairs."""
    text_column, label_column = columns
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
        if not isinstance(row[text_column], str):
            raise ValueError(
                f"Line {number} of {path}: {text_column!r} must be a string. Received: {row[text_column]!r}."
            )
        yield row[text_column], _label(row[label_column], number, path)


_READERS = {".tsv": _read_tsv, ".csv": _read_csv, ".jsonl": _read_jsonl}


def _label(value, number, path):
    """a cell, or a JSON value -> the label as a string."""
    if not isinstance(value, (str, int, float)) or str(value).strip() == "":
        raise ValueError(f"Line {number} of {path} has no label. Received: {value!r}. Label the line or remove it.")
    return str(value).strip()


def _by_value(label):
    """label -> sort key: numbers by value, before words."""
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    return (0, value, label) if math.isfinite(value) else (1, 0.0, label)


def _holdings(directory):
    """directory -> the end of a sentence on what it holds."""
    if not directory.is_dir():
        return "doesn't exist either."
    names = sorted(path.name for path in directory.iterdir() if path.suffix in _READERS)
    return f"holds {', '.join(names[:10])}." if names else "holds no such file."
