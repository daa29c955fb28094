"""Texts that belong together, and pairs with scores -> batches for a text embedder, a row a text.

Legend of the shapes: B groups or pairs, R rows, T tokens.
"""

import numbers

import tensorflow as tf

from keras_bert.data.epochs import shuffled_epochs
from keras_bert.data.files.labelled_texts import LabelledTexts, check_scores, is_blank
from keras_bert.data.files.text_groups import TextGroups
from keras_bert.data.packing import check_max_length, model_inputs
from keras_bert.data.text_batches import SHUFFLE_BUFFER, chunked
from keras_bert.utils.checks import check_positive_integer, check_range
from keras_bert.utils.files import first_of


def embedding_batches(
    groups, tokenizer, batch_size, max_length, seed=None, prompts=("", ""), drop_remainder=False, multiple_of=1
):
    """Turns groups of texts into batches for a text embedder, for `keras_bert.losses.InBatchNegatives`.

    Which groups meet in a batch is left to chance, whatever their lengths: each text is a negative of the others.

    Args:
        groups: A `TextGroups`, or a list of what it takes: tuples of strings, (anchor, positive, ...).
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of groups in a batch, at least 2.
        max_length: The most tokens of a text, [CLS] and [SEP] included; what is longer loses its end.
        seed: An integer: shuffled by it, anew each epoch. None: in the groups' order.
        prompts: What is put before anchors, and before all other texts: two strings.
        drop_remainder: Whether groups that don't fill the last batch are left out.
        multiple_of: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [R, T], all anchors first, then all positives, ...; and int32 [R, 3], of each row the
        number of its group, its role (0 anchor, 1 positive, 2 or more a negative) and the number of its text, which is
        the same for texts with the same tokens, whatever is put before them.

    Raises:
        ValueError: If a batch would have but one group, which has no negatives, or an argument is out of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "ran", "ann"])
    >>> pairs = TextGroups([("who ran", "ann"), ("who", "ann")])
    >>> for inputs, targets in embedding_batches(pairs, tokenizer, batch_size=2, max_length=8):
    ...     print(inputs["token_ids"].numpy().tolist(), targets.numpy().tolist())
    [[2, 5, 6, 3], [2, 5, 3, 0], [2, 7, 3, 0], [2, 7, 3, 0]] [[0, 0, 0], [1, 0, 1], [0, 1, 2], [1, 1, 2]]
    """
    groups = groups if isinstance(groups, TextGroups) else TextGroups(groups)
    _check_negatives(groups, check_positive_integer("batch_size", batch_size), drop_remainder)
    before = _checked_prompts(prompts, groups.num_texts)

    def batch_of(*columns):
        """strings [B] of each role -> inputs, targets [R, 3]."""
        inputs = _inputs(columns, before, tokenizer, max_length, multiple_of)
        texts = inputs if len({*before}) == 1 else _inputs(columns, [""] * len(columns), tokenizer, max_length, 1)
        count = tf.size(columns[0])
        group = tf.tile(tf.range(count), [len(columns)])
        role = tf.repeat(tf.range(len(columns)), count)
        _, text = tf.raw_ops.UniqueV2(x=texts["token_ids"], axis=[0])  # rows that are the same
        return inputs, tf.ensure_shape(tf.stack([group, role, text], axis=1), [None, 3])

    texts = _texts(lambda: iter(groups), (tf.string,) * groups.num_texts, max_length, seed)
    return _batches(texts, len(groups), batch_size, drop_remainder, batch_of, seed)


def similarity_batches(
    pairs, tokenizer, batch_size, max_length, seed=None, score_range=None, prompts=("", ""), multiple_of=1
):
    """Turns pairs of texts with scores into batches for a text embedder, for `CoSENT` and `CosineRegression`.

    Which pairs meet in a batch is left to chance, whatever their lengths: they are compared with each other, and texts
    of the same length often come from the same source. A single pair that remains for the last batch has no other to be
    compared with, and is left out; shuffled, it is another one each epoch.

    Args:
        pairs: A `LabelledTexts` of pairs, or a list of what it takes: tuples (text, second text, label) of strings, the
            label a number.
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of pairs in a batch, at least 2.
        max_length: As in `embedding_batches`.
        seed: An integer: shuffled by it, anew each epoch. None: in the pairs' order.
        score_range: The lowest and the highest score, which become 0 and 1, as `CosineRegression` wants them. None:
            scores are taken as they are.
        prompts: What is put before the first, and before the second text of each pair: two strings.
        multiple_of: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [R, T], all first texts, then all second ones; and float32 [R, 2], of each row the
        number of its pair and that pair's score.

    Raises:
        ValueError: If examples aren't pairs, one has a blank text or a label that isn't a number, all labels are the
            same, or an argument is out of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "hound"])
    >>> pairs = LabelledTexts([("dog", "hound", "4"), ("dog", "dog", "5")])
    >>> for inputs, targets in similarity_batches(pairs, tokenizer, batch_size=2, max_length=8):
    ...     print(inputs["token_ids"].numpy().tolist(), targets.numpy().tolist())
    [[2, 5, 3], [2, 5, 3], [2, 6, 3], [2, 5, 3]] [[0.0, 4.0], [1.0, 5.0], [0.0, 4.0], [1.0, 5.0]]
    """
    pairs = pairs if isinstance(pairs, LabelledTexts) else LabelledTexts(pairs)
    _check_pairs(pairs)
    check_scores(pairs)
    if check_positive_integer("batch_size", batch_size) < 2:
        raise ValueError("`batch_size` must be at least 2, for pairs are compared with each other. Received: 1.")
    low, high = (0.0, 1.0) if score_range is None else check_range("score_range", score_range)
    before = _checked_prompts(prompts, 2)

    def batch_of(texts, second_texts, scores):
        """strings, strings and scores [B] -> inputs, targets [R, 2]."""
        inputs = _inputs((texts, second_texts), before, tokenizer, max_length, multiple_of)
        number = tf.range(tf.size(scores), dtype=tf.float32)
        return inputs, tf.tile(tf.stack([number, (scores - low) / (high - low)], axis=1), [2, 1])

    def rows():
        """-> tuples: two strings and a number."""
        return ((*texts, float(score)) for *texts, score in pairs)

    texts = _texts(rows, (tf.string, tf.string, tf.float32), max_length, seed)
    is_alone = len(pairs) % batch_size == 1
    return _batches(texts, len(pairs), batch_size, is_alone, batch_of, seed)


def _texts(rows, dtypes, max_length, seed):
    """function: -> iterator of tuples, types of their items, ... -> a dataset of them; a `ValueError` for arguments."""
    check_max_length(max_length)
    if seed is not None and not isinstance(seed, numbers.Integral):
        raise ValueError(f"`seed` must be an integer, or None for the order as it is. Received: seed={seed!r}.")
    return chunked(rows, dtypes).unbatch()


def _batches(texts, count, batch_size, drop_remainder, batch_of, seed):
    """dataset, how many it holds, ..., function: columns of a batch -> inputs and targets, seed -> batches."""

    def epoch_of(salt):
        """salt of an epoch, or None -> its batches."""
        order = texts
        if salt is not None:
            order = texts.shuffle(min(count, SHUFFLE_BUFFER), seed=salt, reshuffle_each_iteration=False)
        return order.batch(batch_size, drop_remainder).map(batch_of, tf.data.AUTOTUNE)

    return shuffled_epochs(epoch_of, count // batch_size if drop_remainder else -(-count // batch_size), seed)


def _inputs(columns, before, tokenizer, max_length, multiple_of):
    """strings [B] of each role, what is put before each -> the model's inputs, one role after the other, [R, T]."""
    texts = [prompt + column if prompt else column for prompt, column in zip(before, columns, strict=True)]
    return model_inputs(tf.concat(texts, axis=0), tokenizer, max_length, multiple_of=multiple_of)


def _check_negatives(groups, batch_size, drop_remainder):
    """TextGroups, ... -> None; a `ValueError` if some group would have no other one in its batch."""
    alone = f"of {groups.name} would be alone in its batch, without negatives"
    if batch_size < 2:
        raise ValueError(f"`batch_size` must be at least 2: each group {alone}. Received: batch_size=1.")
    if len(groups) < 2 or (drop_remainder and len(groups) < batch_size):
        raise ValueError(
            f"At least {batch_size if drop_remainder else 2} groups are needed for a batch. Received: {len(groups)}, "
            f"of {groups.name}."
        )
    if len(groups) % batch_size == 1 and not drop_remainder:
        raise ValueError(
            f"The last one of {len(groups)} groups {alone}. Received: batch_size={batch_size}. Choose another, or "
            "drop_remainder=True, which leaves out another group each epoch."
        )


def _check_pairs(pairs):
    """LabelledTexts -> None; a `ValueError` if they aren't pairs, or some have a blank text."""
    if pairs.num_texts != 2:
        raise ValueError(f"Pairs of texts are needed. Received: single ones, of {pairs.name}.")
    blank = [number for number, (*texts, _) in pairs.numbered() if any(map(is_blank, texts))]
    if blank:
        raise ValueError(
            f"{len(blank)} pairs of {pairs.name} have a blank text ({pairs.place} {first_of(blank)}). Correct or "
            "remove them."
        )


def _checked_prompts(prompts, num_texts):
    """what is put before anchors and before others, number of texts in a group -> what is put before each of them."""
    is_pair = isinstance(prompts, (tuple, list)) and len(prompts) == 2
    if not is_pair or not all(isinstance(prompt, str) for prompt in prompts):
        raise ValueError(f"`prompts` must be two strings. Received: prompts={prompts!r}.")
    return [prompts[0], *[prompts[1]] * (num_texts - 1)]
