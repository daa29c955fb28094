"""Added tokens: words and marks such as [E1] that stay whole, wherever they stand in a text."""

import unicodedata

import numpy as np
import tensorflow as tf
from tokenizers import AddedToken

from keras_bert.text.finder import TokenFinder, expression_for, word_codepoints
from keras_bert.text.normalization import (
    FIRST_SPECIAL,
    PRIVATE,
    SPECIAL_TOKENS,
    Normalization,
    decode,
    positions_in_rows,
    stand_alone,
    token_aliases,
)

_SPACE = ord(" ")
_ONE, _THREE, _VALUE_SHIFT = 0b0001, 0b0011, 4  # in an entry, as normalization.py describes it


def as_added_tokens(tokens, special=False):
    """Checks what is to be added to a vocabulary.

    Args:
        tokens: Strings or `tokenizers.AddedToken`s.
        special: Whether strings become special tokens, which are found as they are written.

    Returns:
        List of `AddedToken`s, the last one of each content.

    Raises:
        ValueError: If one is something else, empty, a special token of BERT's, or has white space around it.
    """
    if isinstance(tokens, (str, AddedToken)) or not hasattr(tokens, "__iter__"):
        raise ValueError(f'Added tokens must be a list, such as ["[E1]", "[/E1]"]. Received: {tokens!r:.80}.')
    added = {}
    for token in tokens:
        if not isinstance(token, (str, AddedToken)):
            raise ValueError(
                "Added tokens must be strings, or tokenizers.AddedToken for other ways to be found. Received: "
                f"{token!r:.60} of type {type(token).__name__}."
            )
        token = AddedToken(token, normalized=not special, special=special) if isinstance(token, str) else token
        content = token.content
        if not content or content != content.strip() or "\n" in content or "\r" in content:
            raise ValueError(
                "An added token must have characters, no white space around them and no line's end. Received: "
                f"{content!r:.60}."
            )
        if content in SPECIAL_TOKENS:
            raise ValueError(
                f"{content} is a special token already. Leave it out; keep_special_tokens=True finds it in texts."
            )
        added[content] = token
    return list(added.values())


def codepoints_of_added(count):
    """How many added tokens -> the private codepoints that stand for them in normalized text; or a `ValueError`."""
    first = max(token_aliases().values()) + 1
    if first + count > PRIVATE.stop:
        raise ValueError(f"There may be at most {PRIVATE.stop - first} added tokens. Received: {count}.")
    return range(first, first + count)


class NormalizationWithAddedTokens(Normalization):
    """Normalizes strings as `Normalization` does, with private codepoints for added tokens, alone between spaces.

    Some are looked for in the text as it is; those that are `normalized`, in what is left of it once it is normalized.

    Args:
        lowercase: As in `Normalization`.
        strip_accents: As in `Normalization`.
        added_tokens: `tokenizers.AddedToken`s; the k-th is rewritten to the k-th of `codepoints_of_added`.

    Raises:
        ValueError: If normalization leaves nothing of a token, or there are too many.
    """

    def __init__(self, lowercase, strip_accents, added_tokens):
        super().__init__(lowercase, strip_accents)
        written = [*range(FIRST_SPECIAL, FIRST_SPECIAL + len(SPECIAL_TOKENS)), *codepoints_of_added(len(added_tokens))]
        numbered = list(enumerate(added_tokens, len(SPECIAL_TOKENS)))
        raw = [(number, token) for number, token in numbered if not token.normalized]
        normalized = [(number, token) for number, token in numbered if token.normalized]

        # Special tokens hide what begins within them even where they aren't kept.
        specials = [tuple(map(ord, token)) for token in SPECIAL_TOKENS]
        contents = [tuple(map(ord, token.content)) for _, token in raw]
        single = [False] * len(specials) + [token.single_word for _, token in raw]
        self._find_raw = TokenFinder([*specials, *contents], single)
        self._raw_expression = expression_for(contents) if raw else None
        self._find_normalized = self._normalized_expression = None
        if normalized:
            patterns = self._patterns([token.content for _, token in normalized])
            single = [token.single_word for _, token in normalized]
            self._find_normalized = TokenFinder(patterns, single, self._word_codepoints)
            self._normalized_expression = expression_for(patterns, self.spaces())

        with tf.init_scope(), tf.device("CPU:0"):
            first = tf.size(self._expansions)
            spaced = [codepoint for token in written for codepoint in (_SPACE, token, _SPACE)]
            self._expansions = tf.concat([self._expansions, spaced], 0)
            entries = (first + 3 * tf.range(len(written))) * (1 << _VALUE_SHIFT) + _THREE
            self._raw_entries = tf.gather(entries, [*range(len(specials)), *(number for number, _ in raw)])
            self._normalized_entries = tf.gather(entries, [number for number, _ in normalized]) if normalized else None
            is_special = tf.range(len(specials) + len(raw)) < len(specials)
            self._wanted = {True: tf.ones_like(is_special), False: ~is_special}

    def _patterns(self, contents):
        """strings -> their codepoints once normalized: list of tuples."""
        with tf.init_scope(), tf.device("CPU:0"):
            splits, codepoints = decode(tf.constant(contents))
            codepoints, _, splits = self._normalized(codepoints, self._entries(codepoints), splits)
            patterns = [tuple(row) for row in tf.RaggedTensor.from_row_splits(codepoints, splits).to_list()]
        if empty := [content for content, pattern in zip(contents, patterns, strict=True) if not pattern]:
            raise ValueError(
                f"Normalization leaves nothing of the added token {empty[0]!r}. Leave it out, or give it as "
                "tokenizers.AddedToken(..., normalized=False)."
            )
        return patterns

    def _word_codepoints(self):
        """Which codepoints of normalized text belong to words: bool [0x110000]."""
        words = word_codepoints().copy()
        # Around Chinese characters `tokenizers` has spaces by now; punctuation that connects words has none.
        parted = np.flatnonzero(words & stand_alone())
        words[[codepoint for codepoint in parted if unicodedata.category(chr(codepoint)) != "Pc"]] = False
        for codepoint, alias in token_aliases().items():
            words[alias] = words[codepoint]
        return words

    def _in_the_way(self, texts, lowered, keep_special_tokens):
        pairs = [(texts, self._raw_expression), (lowered, self._normalized_expression)]
        found = super()._in_the_way(texts, lowered, keep_special_tokens)
        return found + [pair for pair in pairs if pair[1] is not None]

    def _rewrite(self, texts, keep_special_tokens):
        splits, codepoints = decode(texts)
        begins = positions_in_rows(codepoints, splits)
        numbers, widths = self._find_raw(codepoints, splits, self._wanted[keep_special_tokens])
        codepoints = tf.where(numbers == -1, codepoints, 0)  # NUL: cleaned away
        entries = _entries_with(self._entries(codepoints), numbers, self._raw_entries)
        codepoints, origin, splits = self._normalized(codepoints, entries, splits)
        begins, ends = tf.gather(begins, origin), tf.gather(begins + widths, origin)
        if self._find_normalized is not None:
            numbers, widths = self._find_normalized(codepoints, splits)
            ends = tf.gather(ends, tf.range(tf.size(ends)) + widths - 1)
            entries = _entries_with(tf.fill(tf.shape(codepoints), _ONE), numbers, self._normalized_entries)
            codepoints, origin, splits = self._expand(codepoints, entries, splits)
            begins, ends = tf.gather(begins, origin), tf.gather(ends, origin)
        return self._encoded(codepoints, splits), begins, ends, splits


def _entries_with(entries, numbers, entries_of_tokens):
    """entries [N], tokens that were found [N], as by `TokenFinder`, entries of all tokens -> entries [N]."""
    of_tokens = tf.gather(entries_of_tokens, tf.maximum(numbers, 0))
    return tf.where(numbers >= 0, of_tokens, tf.where(numbers == -1, entries, 0))
