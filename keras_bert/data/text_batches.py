"""Labelled examples -> batches, for the patterns that give one answer a text, or a pair of texts."""

import tensorflow as tf

from keras_bert.data.labelled_texts import LabelledTexts, check_labels, check_scores
from keras_bert.data.packing import check_max_length, length_bucketed, pack

# Rows that are shuffled at a time: with max_length, they bound the memory of a data set of any size.
SHUFFLE_BUFFER = 50_000
# Examples, and characters, that pass from Python to TensorFlow at a time; a single text may be longer.
_CHUNK_EXAMPLES = 256
_CHUNK_CHARACTERS = 1_000_000


def classification_batches(examples, tokenizer, labels, batch_size, max_length, seed=None, multiple_of=1):
    """Turns labelled texts, or pairs of texts, into batches for a text classifier.

    Args:
        examples: A `LabelledTexts`, or a list of what it takes: tuples of strings, (text, label).
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
    examples = examples if isinstance(examples, LabelledTexts) else LabelledTexts(examples)
    check_labels(examples, labels)
    number_of = {label: number for number, label in enumerate(labels)}
    return _text_batches(examples, number_of.get, tf.int32, tokenizer, batch_size, max_length, seed, multiple_of)


def regression_batches(examples, tokenizer, batch_size, max_length, seed=None, multiple_of=1):
    """Turns texts, or pairs of texts, with a number each into batches for a text regressor.

    Args:
        examples: A `LabelledTexts`, or a list of what it takes; each label is a number in a string.
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of examples in a batch.
        max_length: As in `classification_batches`.
        seed: As in `classification_batches`.
        multiple_of: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [B, T] with rows of near-equal length, and the numbers, float32 [B, 1].

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
    batches = _text_batches(examples, float, tf.float32, tokenizer, batch_size, max_length, seed, multiple_of)
    return batches.map(lambda inputs, scores: (inputs, scores[:, None]))


def _text_batches(examples, target_of, dtype, tokenizer, batch_size, max_length, seed, multiple_of):
    """LabelledTexts, label -> number, that number's type, ... -> batches of known cardinality."""
    check_max_length(max_length, examples.num_texts)
    columns = (tf.string,) * examples.num_texts + (dtype,)
    chunks = chunked(lambda: ((*texts, target_of(label)) for *texts, label in examples), columns)

    def tokenize(texts, *rest):
        *second_texts, targets = rest
        second_ids = tokenizer(second_texts[0]) if second_texts else None
        return pack(tokenizer(texts), tokenizer, max_length, second_ids), targets

    rows = chunks.map(tokenize).unbatch()
    return shuffled_batches(rows, len(examples), tokenizer, batch_size, seed, multiple_of)


def chunked(rows, dtypes):
    """Passes examples from Python to TensorFlow, many at a time.

    Args:
        rows: A function without arguments -> an iterator of tuples, the examples, whose strings come first.
        dtypes: The types of a tuple's items.

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

    return tf.data.Dataset.from_generator(chunks, output_signature=tuple(tf.TensorSpec([None], t) for t in dtypes))


def shuffled_batches(rows, count, tokenizer, batch_size, seed, multiple_of):
    """Shuffles rows, groups them by length and batches them.

    Args:
        rows: A `tf.data.Dataset` as for `length_bucketed`.
        count: Number of rows.
        tokenizer: The `WordPieceTokenizer` that they come from.
        batch_size: Number of rows in a batch.
        seed: As in `classification_batches`.
        multiple_of: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of batches, of known cardinality.
    """
    if seed is not None:
        rows = rows.shuffle(min(count, SHUFFLE_BUFFER), seed=seed)
    batches = length_bucketed(rows, tokenizer, batch_size, seed, multiple_of)
    return batches.apply(tf.data.experimental.assert_cardinality(-(-count // batch_size))).prefetch(tf.data.AUTOTUNE)
