"""Masked words filled in by a pretrained model: the quickest look at what it has learned."""

import re

import keras
import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.data.packing import check_max_length, pack, pad
from keras_bert.models import check_built, check_length_of
from keras_bert.utils.checks import check_positive_integer

# Letters and digits of one word; ideographs are words of their own.
_LETTERS = r"[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]*"


def fill_masks(texts, model, tokenizer, count=5, max_length=None):
    """Gives the likeliest tokens for each [MASK].

    Args:
        texts: N strings with [MASK] in them: a list, or one string. Letters that follow a [MASK] without a space are
            the rest of its word, as Korean particles are: in `[MASK]s` one is looked for that `##s` can follow.
            (transformers' pipeline begins a new word there.)
        model: A model from `pretrainer` or `masked_language_model`.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        count: How many tokens for each [MASK].
        max_length: The most tokens of a text, [CLS] and [SEP] included. None: the model's `max_sequence_length`.

    Returns:
        A list of N lists, or one list for one string: for each [MASK] of a text a list of `count` pairs of a token, as
        it stands in the vocabulary, and its probability, the likeliest first.

    Raises:
        ValueError: If the model is another one, the tokenizer has another vocabulary size, or a text isn't a string,
            has no [MASK] or one that is beyond `max_length`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.pretrainer(keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7)))
    >>> [[(token, probability), _]] = fill_masks("River [MASK].", model, tokenizer, count=2)
    >>> token in tokenizer.vocabulary and 1 / 7 < probability < 1
    True
    """
    check_built(model, "pretrainer", "masked_language_model")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_positive_integer("count", count)
    max_length = check_length_of(model, max_length)
    check_max_length(max_length)
    batch = [texts] if isinstance(texts, str) else list(texts)
    filled = [_fill(text, model, tokenizer, min(count, tokenizer.vocabulary_size), max_length) for text in batch]
    return filled[0] if isinstance(texts, str) else filled


def _fill(text, model, tokenizer, count, max_length):
    """text, model, tokenizer, pairs for each [MASK], most tokens -> for each [MASK] its pairs."""
    if not isinstance(text, str):
        raise ValueError(f"Each text must be a string. Received: {text!r:.80}.")
    ids = _ids_of(text, tokenizer)
    inputs = pad(pack(tf.ragged.constant([ids], tf.int32), tokenizer, max_length), tokenizer)
    masked = tf.where(inputs["token_ids"][0] == tokenizer.mask_id)[:, 0]  # [M]
    if not (count_of_masks := ids.count(tokenizer.mask_id)):
        raise ValueError(f"Each text must have a [MASK]. Received: {text!r}. Put one in the place of a word.")
    if count_of_masks > len(masked):
        raise ValueError(
            f"Each [MASK] must be among the first {max_length - 2} tokens of its text. Received: {text!r}, where "
            f"{count_of_masks - len(masked)} of {count_of_masks} aren't. Give a shorter text, or a larger `max_length`."
        )
    inputs["mask_positions"] = tf.cast(masked[None], tf.int32)
    if model.task == "pretrainer":
        inputs["cls_positions"] = tf.zeros([1, 1], tf.int32)
    logits = model.predict_on_batch({name: value.numpy() for name, value in inputs.items()})["mlm"][0]  # [M, V]
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
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
