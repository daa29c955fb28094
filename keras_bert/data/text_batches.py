"""Labelled examples -> batches, for the patterns that give one answer a text, or a pair of texts."""

import functools
import math

import numpy as np
import tensorflow as tf

from keras_bert.data.class_weights import weights_in_order
from keras_bert.data.epochs import shuffled_epochs
from keras_bert.data.files.labelled_texts import LabelledTexts, check_labels, check_scores
from keras_bert.data.packing import check_cut, check_max_length, length_bucketed, pack
from keras_bert.data.windows import check_windows, whole_windows, window_rows
from keras_bert.utils.checks import check_positive_integer

# Rows that are shuffled at a time: with max_length, they bound the memory of a data set of any size.
SHUFFLE_BUFFER = 50_000
# Examples, and characters, that pass from Python to TensorFlow at a time; a single text may be longer.
_CHUNK_EXAMPLES = 256
_CHUNK_CHARACTERS = 1_000_000


def classification_batches(
    examples,
    tokenizer,
    labels,
    batch_size,
    max_length,
    seed=None,
    multiple_of=1,
    cut="end",
    windows=None,
    class_weights=None,
):
    """Turns labelled texts, or pairs of texts, into batches for a text classifier.

    Args:
        examples: A `LabelledTexts`, or a list of what it takes: tuples, (text, label) or (text, labels).
        tokenizer: A `WordPieceTokenizer`.
        labels: The classes' names in the order of the model's logits.
        batch_size: Number of examples in a batch.
        max_length: The most tokens of a row, [CLS] and [SEP] included; what is longer loses its end; of a pair, the
            longer text first.
        seed: An integer: shuffled by it, anew each epoch. None: not shuffled, but sorted by length within windows
            of 64 batches. `model.predict` answers in the order of the batches, either way; in that of the examples,
            `predictor` does.
        multiple_of: T is rounded up to a multiple of this. On a GPU, or wherever each new shape is compiled, 16 or more
            keeps the shapes few.
        cut: What a text that is too long loses, its `"end"` or its `"middle"`, as in `pack`; ask `predictor` and the
            exports for the same.
        windows: The `windows` of a model that reads long texts in windows, of `max_length` tokens each. None: texts are
            cut.
        class_weights: A dict: each of `labels` -> its weight, as `keras_bert.data.class_weights` makes it. The mean of
            a loss with `reduction="mean_with_sample_weight"` is over these weights. None: there are none.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [B, T] with rows of near-equal length, and the classes' numbers, int32 [B]; where a text
        may have several, 1 for each class that it has and else 0, float32 [B, C]. With `windows`, a row holds all
        windows of its text, as `window_rows` makes it. With `class_weights`, or where examples have weights, those too,
        float32 [B]: the one times the other.

    Raises:
        ValueError: If an example has a label that isn't among `labels`, a text has one label and there is but one
            class, `class_weights` lacks a class, or an argument is out of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "dull"])
    >>> reviews = LabelledTexts([("good good", "yes"), ("dull", "no")])
    >>> for inputs, classes in classification_batches(reviews, tokenizer, ["no", "yes"], batch_size=2, max_length=8):
    ...     print(inputs["token_ids"].numpy().tolist(), classes.numpy().tolist())
    [[2, 6, 3, 0], [2, 5, 5, 3]] [0, 1]
    """
    examples = examples if isinstance(examples, LabelledTexts) else LabelledTexts(examples)
    check_labels(examples, labels)
    number_of = {label: number for number, label in enumerate(labels)}
    target_of, kind = number_of.get, tf.int32
    if examples.multi_label:
        target_of, kind = functools.partial(_of_each_class, number_of), tf.TensorSpec([None, len(labels)], tf.float32)
        if class_weights is not None:
            raise ValueError(
                "`class_weights` are of texts with one label each. Give those of several labels to the loss: "
                "keras_bert.losses.SmoothedBinaryCrossEntropy(weights=...)."
            )
    change = None
    if class_weights is not None:
        weights = tf.constant(weights_in_order(class_weights, labels), tf.float32)

        def change(inputs, classes, own=1.0):
            return inputs, classes, own * tf.gather(weights, classes)

    sizes = batch_size, max_length, seed, multiple_of
    return _text_batches(examples, target_of, kind, tokenizer, *sizes, change=change, cut=cut, windows=windows)


def _of_each_class(number_of, labels):
    """{class: its number}, labels -> 1 for each class that is among them, else 0: float32 [C]."""
    target = np.zeros(len(number_of), "float32")
    target[[number_of[label] for label in labels]] = 1
    return target


def regression_batches(examples, tokenizer, batch_size, max_length, seed=None, multiple_of=1, cut="end", windows=None):
    """Turns texts, or pairs of texts, with a number each into batches for a text regressor.

    Args:
        examples: A `LabelledTexts`, or a list of what it takes; each label is a number in a string.
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of examples in a batch.
        max_length: As in `classification_batches`.
        seed: As in `classification_batches`.
        multiple_of: As in `classification_batches`.
        cut: As in `classification_batches`.
        windows: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [B, T] with rows of near-equal length, and the numbers, float32 [B, 1]; where examples
        have weights, those too, float32 [B].

    Raises:
        ValueError: If a label isn't a number, all are the same, or an argument is out of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "hound"])
    >>> pairs = LabelledTexts([("dog", "hound", "4.5"), ("dog", "dog", "5")])
    >>> for inputs, scores in regression_batches(pairs, tokenizer, batch_size=2, max_length=8):
    ...     print(inputs["token_ids"].numpy().tolist(), scores.numpy().tolist())
    [[2, 5, 3, 6, 3], [2, 5, 3, 5, 3]] [[4.5], [5.0]]
    """
    examples = examples if isinstance(examples, LabelledTexts) else LabelledTexts(examples)
    check_scores(examples)
    sizes = (batch_size, max_length, seed, multiple_of)
    reading = {
        "cut": cut,
        "windows": windows,
        "change": lambda inputs, scores, *weights: (inputs, scores[:, None], *weights),
    }
    return _text_batches(examples, float, tf.float32, tokenizer, *sizes, **reading)


def unlabelled_batches(texts, tokenizer, batch_size, max_length, multiple_of=1):
    """Turns texts, or pairs of texts, into batches without labels, for a teacher to answer (`keras_bert.distillation`).

    Args:
        texts: Strings, or pairs of strings: a list, or any object that can be iterated over again and again.
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of texts in a batch.
        max_length: As in `classification_batches`.
        multiple_of: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality, sorted as `classification_batches` does without a seed. Its elements:
        a dict of `token_ids`, `segment_ids` and `padding_mask`, int32 [B, T], and NaN for each label, float32 [B].

    Raises:
        ValueError: If there is no text, one is no string, there are texts and pairs among them, or an argument is out
            of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "hound"])
    >>> for inputs, labels in unlabelled_batches([("dog", "hound")], tokenizer, batch_size=2, max_length=8):
    ...     print(inputs["token_ids"].numpy().tolist(), labels.numpy().tolist())
    [[2, 5, 3, 6, 3]] [nan]
    """
    is_one = next((isinstance(row, str) for row in texts), None)
    if is_one is None:
        raise ValueError("`texts` must hold at least one text. Received: none.")
    # A label that isn't read: so texts are checked, counted and batched as labelled ones are.
    examples = LabelledTexts([(text, "none") if is_one else (*text, "none") for text in texts], "the texts")
    return _text_batches(examples, lambda _: math.nan, tf.float32, tokenizer, batch_size, max_length, None, multiple_of)


def _text_batches(
    examples,
    target_of,
    kind,
    tokenizer,
    batch_size,
    max_length,
    seed,
    multiple_of,
    cut="end",
    windows=None,
    change=None,
):
    """LabelledTexts, label -> target, its type or the spec of many, ... -> batches of known cardinality."""
    check_max_length(max_length, examples.num_texts)
    check_cut(cut, examples.num_texts)
    if windows is not None:
        check_windows(windows, max_length, cut, examples.num_texts)
    count, weights = examples.num_texts, (tf.float32,) * examples.is_weighted

    def example(row):
        """an example -> its texts, its target and, if it has one, its weight."""
        *texts, label = row
        return (*texts, target_of(label), row.weight) if weights else (*texts, target_of(label))

    chunks = chunked(lambda: map(example, examples), ((tf.string,) * count + (kind, *weights)))

    def tokenize(*columns):
        ids, second_ids = tokenizer(columns[0]), tokenizer(columns[1]) if count == 2 else None
        if windows is not None:
            return window_rows(ids, tokenizer, windows), *columns[count:]
        return pack(ids, tokenizer, max_length, second_ids, cut), *columns[count:]

    rows = chunks.map(tokenize).unbatch()

    def finished(inputs, *others):
        if windows is not None:
            inputs = whole_windows(inputs, tokenizer, windows.length)
        return (inputs, *others) if change is None else change(inputs, *others)

    return shuffled_batches(rows, len(examples), tokenizer, batch_size, seed, multiple_of, finished)


def chunked(rows, dtypes):
    """Passes examples from Python to TensorFlow, many at a time.

    Args:
        rows: A function without arguments -> an iterator of tuples, the examples, whose strings come first.
        dtypes: The types of a tuple's items, or their `tf.TensorSpec` where they have shapes [B, ...].

    Returns:
        A `tf.data.Dataset` of tuples of [B], B changing: at most 256, and a million characters.
    """

    def chunks():
        """-> tuples of lists."""
        chunk, characters = [], 0
        for row in rows():
            chunk.append(row)
            characters += sum(len(item) for item in row if isinstance(item, str))
            if len(chunk) == _CHUNK_EXAMPLES or characters > _CHUNK_CHARACTERS:
                yield tuple(map(list, zip(*chunk, strict=True)))
                chunk, characters = [], 0
        if chunk:
            yield tuple(map(list, zip(*chunk, strict=True)))

    specs = (one if isinstance(one, tf.TensorSpec) else tf.TensorSpec([None], one) for one in dtypes)
    return tf.data.Dataset.from_generator(chunks, output_signature=tuple(specs))


def shuffled_batches(rows, count, tokenizer, batch_size, seed, multiple_of, change=None):
    """Shuffles rows, groups them by length and batches them.

    Args:
        rows: A `tf.data.Dataset` as for `length_bucketed`.
        count: Number of rows.
        tokenizer: The `WordPieceTokenizer` that they come from.
        batch_size: Number of rows in a batch.
        seed: As in `classification_batches`.
        multiple_of: As in `classification_batches`.
        change: What each batch goes through in the end: a function as for `tf.data.Dataset.map`; None: nothing.

    Returns:
        A `tf.data.Dataset` of batches, of known cardinality, that `from_step` takes.

    Raises:
        ValueError: If `batch_size` isn't a positive integer.
    """
    check_positive_integer("batch_size", batch_size)

    def epoch_of(salt):
        """salt of an epoch, or None -> its batches."""
        order = rows
        if salt is not None:
            order = rows.shuffle(min(count, SHUFFLE_BUFFER), seed=salt, reshuffle_each_iteration=False)
        batches = length_bucketed(order, tokenizer, batch_size, salt, multiple_of)
        return batches if change is None else batches.map(change)

    return shuffled_epochs(epoch_of, -(-count // batch_size), seed)
