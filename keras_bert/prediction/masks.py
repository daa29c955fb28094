"""Masked words filled in by a pretrained model: the quickest look at what it has learned."""

import re

import keras
import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.data.packing import check_max_length, joined, pad
from keras_bert.models import check_built, check_length_of
from keras_bert.utils.batches import in_batches_by_length
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.columns import strings_of

# Letters and digits of one word; ideographs are words of their own.
_LETTERS = r"[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]*"


def fill_masks(texts, model, tokenizer, count=5, max_length=None, batch_size=32, progress=None):
    """Gives the likeliest tokens for each [MASK].

    Args:
        texts: N strings with [MASK] in them: a list or any iterable, or one string. Letters that follow a [MASK]
            without a space are the rest of its word, as Korean particles are: in `[MASK]s` one is looked for that `##s`
            can follow. (transformers' pipeline begins a new word there.)
        model: A model from `pretrainer` or `masked_language_model`.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        count: How many tokens for each [MASK].
        max_length: The most tokens of a text, [CLS] and [SEP] included. None: the model's `max_sequence_length`.
        batch_size: The most texts that run at a time; they are grouped by length.
        progress: As in `embed`.

    Returns:
        A list of N lists, or one list for one string: for each [MASK] of a text a list of `count` pairs of a token, as
        it stands in the vocabulary, and its probability, the likeliest first.

    Raises:
        ValueError: If the model is another one or its head was never trained, for its checkpoint had none; if the
            tokenizer has another vocabulary size; or if a text isn't a string, has no [MASK] or one that is beyond
            `max_length`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.pretrainer(keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7)))
    >>> [[(token, probability), _]] = fill_masks("River [MASK].", model, tokenizer, count=2)
    >>> token in tokenizer.vocabulary and 1 / 7 < probability < 1
    True
    """
    check_built(model, "pretrainer", "masked_language_model")
    if random := [name for name in model.random_weights if name.startswith("mlm/")]:
        raise ValueError(
            "The head for masked words must have been trained, or its answers are chance. Received: a "
            f"{model.task} whose checkpoint lacked {', '.join(random)}, which is random still. Train it first, or load "
            "a checkpoint that has the head."
        )
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_positive_integer("count", count)
    max_length = check_length_of(model, max_length)
    check_max_length(max_length)
    check_positive_integer("batch_size", batch_size)
    texts, is_one = strings_of("texts", texts)
    texts = [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in texts]
    rows = [_row_of(text, tokenizer, max_length) for text in texts]
    count = min(count, tokenizer.vocabulary_size)

    def fill(rows):
        """list of B lists of ids -> for each of them, for each [MASK], its pairs."""
        return [_likeliest(shares, tokenizer, count) for shares in _probabilities(rows, model, tokenizer)]

    filled = in_batches_by_length(fill, rows, [len(row) for row in rows], batch_size, progress)
    return filled[0] if is_one else filled


def _row_of(text, tokenizer, max_length):
    """text, tokenizer, most tokens of a row -> list of the ids that it has room for; else a `ValueError`."""
    ids = _ids_of(text, tokenizer)
    row, count = ids[: max_length - 2], ids.count(tokenizer.mask_id)
    if not count:
        raise ValueError(f"Each text must have a [MASK]. Received: {text!r:.200}. Put one in the place of a word.")
    if missing := count - row.count(tokenizer.mask_id):
        raise ValueError(
            f"Each [MASK] must be among the first {max_length - 2} tokens of its text. Received: {text!r:.200}, where "
            f"{missing} of {count} aren't. Give a shorter text, or a larger `max_length`."
        )
    return row


def _probabilities(rows, model, tokenizer):
    """B lists of ids, a model, a tokenizer -> B arrays, float32 [M, V], a row for each [MASK]."""
    inputs = pad(joined(tf.ragged.constant(rows, tf.int32), None, tokenizer), tokenizer)
    places = [np.flatnonzero(row == tokenizer.mask_id) for row in inputs["token_ids"].numpy()]
    inputs["mask_positions"] = tf.ragged.constant(places, tf.int32).to_tensor()  # [B, M]
    if model.task == "pretrainer":
        inputs["cls_positions"] = tf.zeros([len(rows), 1], tf.int32)
    logits = model.predict_on_batch({name: value.numpy() for name, value in inputs.items()})["mlm"]  # [B, M, V]
    logits = logits[..., : tokenizer.vocabulary_size]  # some checkpoints have more rows than tokens
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    return [shares[: len(masks)] for shares, masks in zip(probabilities, places, strict=True)]


def _likeliest(probabilities, tokenizer, count):
    """float32 [M, V], a tokenizer, a number -> for each of the M its `count` pairs of a token and a probability."""
    best = np.argsort(-probabilities, axis=-1, kind="stable")[:, :count]
    return [
        [(tokenizer.id_to_token(int(i)), float(row[i])) for i in chosen]
        for row, chosen in zip(probabilities, best, strict=True)
    ]


def _ids_of(text, tokenizer):
    """text, tokenizer -> list of its ids, where the letters after a [MASK] are pieces of its word."""
    before, *parts = text.split("[MASK]")
    ids = tokenizer(before, keep_special_tokens=True).numpy().tolist()
    for part in parts:
        letters = re.match(_LETTERS, part).group()
        after = tokenizer(part[len(letters) :], keep_special_tokens=True).numpy().tolist()
        ids += [tokenizer.mask_id, *_rest_of_word(letters, tokenizer), *after]
    return ids


def _rest_of_word(letters, tokenizer):
    """letters, tokenizer -> list of the ids of pieces that go on with a word: the longest first, as WordPiece does."""
    tokens = tokenizer.tokens(letters)
    begun = [tokenizer.vocabulary[token] for token in tokens]
    if "[UNK]" in tokens:
        return begun
    word = "".join(token.removeprefix("##") for token in tokens)  # normalized
    ids, begin = [], 0
    while begin < len(word):
        ends = (end for end in range(len(word), begin, -1) if "##" + word[begin:end] in tokenizer.vocabulary)
        end = next(ends, None)
        if end is None:  # no piece goes on so: it begins a word
            return begun
        ids.append(tokenizer.vocabulary["##" + word[begin:end]])
        begin = end
    return ids
