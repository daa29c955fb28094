"""Masked words: which tokens are hidden, and what stands in their place.

Legend of the shapes: B batch, T tokens, M masked positions.
"""

import math
import re

import numpy as np
import tensorflow as tf

MASKED_SHARE = 0.15
_MASK_SHARE, _RANDOM_SHARE = 0.8, 0.1  # of the masked tokens; the others stay as they are
# With whole words, a row may have this many masked tokens more than its share.
_WORD_ROOM = 8


def most_masked(max_length, whole_word=False, num_special=3):
    """The number M of masked positions in a row: of `max_length` tokens `num_special` at least are never masked.

    Example:
    >>> most_masked(128), most_masked(512)
    (19, 77)
    """
    maskable = max_length - num_special
    return min(math.ceil(MASKED_SHARE * maskable) + (_WORD_ROOM if whole_word else 0), maskable)


class Masking:
    """Hides 15 % of the tokens of each row: 80 % of them become [MASK], 10 % a random token, 10 % stay.

    [CLS], [SEP] and padding are never chosen. Random tokens are words or pieces of words of the vocabulary: no special
    token and none that was left unused.

    Args:
        tokenizer: A `WordPieceTokenizer`.
        max_length: Number of tokens T in a row.
        whole_word: If True, words are chosen, and all their tokens: a token that begins with "##" belongs to the word
            before it.
        num_special: The least number of [CLS] and [SEP] in a row.

    Raises:
        ValueError: If the vocabulary has no words.

    Reference: Devlin et al., 2018, section 3.1, task 1; whole words: https://github.com/google-research/bert.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    >>> ids = np.array([[2, 5, 6, 3, 7, 3, 0, 0]])
    >>> token_ids, positions, labels, weights = Masking(tokenizer, max_length=8)(ids, ids > 0, seed=[0, 0])
    >>> positions.shape == labels.shape == weights.shape == (1, 1)
    True
    """

    def __init__(self, tokenizer, max_length, whole_word=False, num_special=3):
        tokens = sorted(tokenizer.vocabulary, key=tokenizer.vocabulary.get)
        words = [
            token_id
            for token_id, token in enumerate(tokens)
            if not re.fullmatch(r"\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]", token)
        ]
        if not words:
            raise ValueError("The vocabulary must have words beside the special tokens. Received: none.")
        self._words = np.array(words, np.int32)
        self._continues = np.array([token.startswith("##") for token in tokens])
        self._special = (tokenizer.cls_id, tokenizer.sep_id)
        self._mask_id = tokenizer.mask_id
        self._most = most_masked(max_length, whole_word, num_special)
        self._whole_word = whole_word

    def __call__(self, token_ids, padding_mask, seed):
        """Masks the rows of a batch.

        Args:
            token_ids: int32 [B, T].
            padding_mask: [B, T], 0 for padding.
            seed: Integers [2]: the same ones give the same masks.

        Returns:
            `token_ids` with the masks in, int32 [B, T]; `mask_positions`, int32 [B, M]; the tokens that stood there,
            int32 [B, M]; and weights, float32 [B, M]: 1, or 0 where a row has fewer masked tokens.
        """
        seeds = tf.random.split(tf.cast(seed, tf.int32), 4)
        token_ids = tf.cast(token_ids, tf.int32)
        may = (padding_mask != 0) & (token_ids != self._special[0]) & (token_ids != self._special[1])  # [B, T]
        expected = MASKED_SHARE * tf.reduce_sum(tf.cast(may, tf.float32), axis=1, keepdims=True)  # [B, 1]
        keys = tf.where(may, tf.random.stateless_uniform(tf.shape(token_ids), seeds[0]), 2.0)
        spread = tf.random.stateless_uniform(tf.shape(expected), seeds[1])
        if self._whole_word:
            positions, chosen = self._whole_words(token_ids, keys, expected, spread)
        else:
            # The expected number is no integer: rounded up or down at random, it is right on average.
            number = tf.cast(tf.floor(expected + spread), tf.int32)
            positions = tf.math.top_k(-keys, self._most).indices  # [B, M]
            chosen = tf.range(self._most) < number
        positions = tf.where(chosen, positions, 0)
        labels = tf.where(chosen, tf.gather(token_ids, positions, batch_dims=1), 0)

        uniform = tf.random.stateless_uniform(tf.shape(positions), seeds[2])
        random_word = tf.random.stateless_uniform(tf.shape(positions), seeds[3], 0, len(self._words), tf.int32)
        new = tf.where(uniform < _MASK_SHARE, self._mask_id, labels)
        new = tf.where(uniform >= 1 - _RANDOM_SHARE, tf.gather(self._words, random_word), new)
        place = tf.stack([tf.where(chosen)[:, 0], tf.cast(positions[chosen], tf.int64)], axis=1)
        masked = tf.tensor_scatter_nd_update(token_ids, place, new[chosen])
        return masked, positions, labels, tf.cast(chosen, tf.float32)

    def _whole_words(self, token_ids, keys, expected, spread):
        """ids and random keys [B, T], expected number and a random one [B, 1] -> positions and which of them [B, M]."""
        begins = ~tf.gather(self._continues, token_ids)  # [B, T]
        begins |= tf.pad(keys[:, :-1] > 1, [[0, 0], [1, 0]], constant_values=True)  # nothing goes on behind [SEP]
        word = tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1
        length = tf.shape(token_ids)[1]
        first = tf.searchsorted(word, tf.tile(tf.range(length)[None], [tf.shape(word)[0], 1]))  # of each word [B, T]
        keys = tf.gather(keys, tf.gather(first, word, batch_dims=1), batch_dims=1)  # a word's pieces have its key
        order = tf.argsort(keys, axis=1, stable=True)[:, : self._most + 1]  # [B, M + 1]
        same = tf.gather(word, order, batch_dims=1)
        new = tf.pad(same[:, 1:] != same[:, :-1], [[0, 0], [1, 0]], constant_values=True)
        number = tf.cumsum(tf.cast(new, tf.int32), axis=1) - 1  # in order of the choice [B, M + 1]
        begin = tf.cast(tf.searchsorted(number, number, side="left"), tf.float32)  # tokens in the words before
        end = tf.cast(tf.searchsorted(number, number, side="right"), tf.float32)
        whole = tf.gather(keys, order, batch_dims=1) < 1
        whole &= number < number[:, -1:]  # a word of many pieces for which there is no room in M
        # The word on the brink is taken as often as brings the expected number about.
        share = (expected - begin) / (end - begin)
        return order[:, :-1], (whole & (spread < share))[:, :-1]
