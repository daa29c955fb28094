"""Finds added tokens in rows of codepoints, in the TensorFlow graph, where `tokenizers` finds them.

That is from the left, and of those that begin at one place the longest.

Shapes: R rows, N codepoints of all rows, one row after the other, K tokens, F places where one might begin.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

_CODEPOINT_BITS = 21
_LONGEST_EXPRESSION = 5000  # characters
# Letters that Unicode files under symbols: circled, squared and parenthesized ones.
_LETTERS_AMONG_SYMBOLS = ((0x24B6, 0x24EA), (0x1F130, 0x1F14A), (0x1F150, 0x1F16A), (0x1F170, 0x1F18A))


class TokenFinder:
    """Finds tokens in rows of codepoints, in the TensorFlow graph.

    Args:
        patterns: The K tokens, each a tuple of codepoints.
        single_word: K bools: whether a token counts only where no letter or digit stands beside it.
        is_word: Function that gives the letters and digits that are meant, bool [0x110000]; None: `word_codepoints`.
    """

    def __init__(self, patterns, single_word, is_word=None):
        moves, pattern_at = _trie(patterns)
        keys = sorted(moves)
        self._longest = max(map(len, patterns))
        with tf.init_scope(), tf.device("CPU:0"):
            self._keys = tf.constant(keys, tf.int64)
            self._targets = tf.constant([moves[key] for key in keys], tf.int64)
            self._pattern_at = tf.constant(pattern_at, tf.int32)
            self._firsts = tf.constant(sorted({pattern[0] for pattern in patterns}), tf.int32)
            self._single_word = tf.constant(single_word, tf.bool)
            self._word_edges = None
            if any(single_word):
                edges = np.flatnonzero(np.diff((is_word or word_codepoints)(), prepend=False, append=False))
                self._word_edges = tf.constant(edges, tf.int32)

    def __call__(self, codepoints, splits, is_wanted=None):
        """Finds the tokens.

        Args:
            codepoints: int32 [N].
            splits: Where the rows begin and end, int32 [R + 1].
            is_wanted: bool [K]: tokens that aren't wanted hide others that begin within them, and aren't found. None:
                all are wanted.

        Returns:
            `numbers`, int32 [N]: k where token k begins, -2 where one goes on, else -1; and `widths`, int32 [N]: the
            number of codepoints of the token that begins there, else 1.
        """
        places, found, widths = self._candidates(codepoints, splits)
        kept = _leftmost(places, places + widths)
        if is_wanted is not None:
            kept &= tf.gather(is_wanted, found)
        if self._word_edges is not None:
            row, behind = _row_of(places, splits), places + widths
            before = self._is_word(codepoints, places - 1, places > tf.gather(splits, row))
            after = self._is_word(codepoints, behind, behind < tf.gather(splits, row + 1))
            kept &= ~(tf.gather(self._single_word, found) & (before | after))
        places, found, widths = (tf.boolean_mask(values, kept) for values in (places, found, widths))
        size, ones, at = tf.size(codepoints), tf.ones_like(places), places[:, None]
        edges = tf.scatter_nd(at, ones, [size + 1]) - tf.scatter_nd((places + widths)[:, None], ones, [size + 1])
        numbers = tf.where(tf.cumsum(edges)[:-1] > 0, -2, -1)
        numbers = tf.tensor_scatter_nd_update(numbers, at, found)
        return numbers, tf.tensor_scatter_nd_update(tf.ones_like(codepoints), at, widths)

    def _candidates(self, codepoints, splits):
        """[N], [R + 1] -> of places where a token begins: the place, the longest token's number and its width, [F]."""
        first = tf.minimum(tf.searchsorted(self._firsts, codepoints), tf.size(self._firsts) - 1)
        places = tf.cast(tf.where(tf.gather(self._firsts, first) == codepoints)[:, 0], tf.int32)  # [F]
        row_ends, last = tf.gather(splits, _row_of(places, splits) + 1), tf.size(codepoints) - 1

        def step(depth, states, found, widths):
            """Goes on by a codepoint, wherever a token may still go on."""
            at = places + depth
            keys = states * (1 << _CODEPOINT_BITS) + tf.cast(tf.gather(codepoints, tf.minimum(at, last)), tf.int64)
            edge = tf.minimum(tf.searchsorted(self._keys, keys), tf.size(self._keys) - 1)
            goes_on = (tf.gather(self._keys, edge) == keys) & (at < row_ends)
            states = tf.where(goes_on, tf.gather(self._targets, edge), -1)
            pattern = tf.where(goes_on, tf.gather(self._pattern_at, tf.maximum(states, 0)), -1)
            is_whole = pattern >= 0
            return depth + 1, states, tf.where(is_whole, pattern, found), tf.where(is_whole, depth + 1, widths)

        _, _, found, widths = tf.while_loop(
            lambda depth, states, *_: (depth < self._longest) & tf.reduce_any(states >= 0),
            step,
            (0, tf.zeros_like(places, tf.int64), tf.fill(tf.shape(places), -1), tf.zeros_like(places)),
        )
        return tuple(tf.boolean_mask(values, found >= 0) for values in (places, found, widths))

    def _is_word(self, codepoints, places, exist):
        """[N], places [F], whether there are such [F] -> whether a letter, digit or the like stands there, [F]."""
        inside = tf.clip_by_value(places, 0, tf.size(codepoints) - 1)
        edges_before = tf.searchsorted(self._word_edges, tf.gather(codepoints, inside), side="right")
        return exist & (edges_before % 2 == 1)


def _row_of(places, splits):
    """places among all codepoints [F], [R + 1] -> the numbers of their rows, [F]."""
    return tf.searchsorted(splits, places, side="right") - 1


def _trie(patterns):
    """tuples of codepoints -> {state and codepoint in one number: next state}, the pattern that ends in each state."""
    moves, pattern_at = {}, [-1]
    for number, pattern in enumerate(patterns):
        state = 0
        for codepoint in pattern:
            key = state << _CODEPOINT_BITS | codepoint
            if key not in moves:
                moves[key] = len(pattern_at)
                pattern_at.append(-1)
            state = moves[key]
        if pattern_at[state] < 0:
            pattern_at[state] = number
    return moves, pattern_at


def _leftmost(begins, ends):
    """Which spans to keep, so that none begins within one that is kept before it: [F], [F] in order -> bool [F]."""
    count = tf.size(begins)
    # The first span behind each one; then the second, the fourth, the eighth ...
    behind = tf.concat([tf.searchsorted(begins, ends), [count]], 0)  # [F + 1]
    kept = tf.range(count + 1) == 0

    def go_on(behind, kept):
        at = tf.boolean_mask(behind, kept)[:, None]
        kept |= tf.scatter_nd(at, tf.ones_like(at[:, 0]), [count + 1]) > 0
        return tf.gather(behind, behind), kept

    _, kept = tf.while_loop(lambda behind, _: behind[0] < count, go_on, (behind, kept))
    return kept[:-1]


@functools.cache
def word_codepoints():
    """What `\\w` stands for in `tokenizers`: letters, marks, digits, connectors and joiners, bool [0x110000]."""
    categories = [unicodedata.category(chr(codepoint)) for codepoint in range(0x110000)]
    words = np.array([category[0] in "LM" or category in ("Nd", "Nl", "Pc") for category in categories])
    for begin, end in _LETTERS_AMONG_SYMBOLS:
        words[begin:end] = True
    words[0x200C:0x200E] = True  # joiners
    return words


def expression_for(patterns, spaces=" "):
    """Makes an expression for rows in which a token may be.

    Of very many tokens only the beginnings are in it, which more rows have.

    Args:
        patterns: Tuples of codepoints.
        spaces: The characters that a pattern's space stands for.

    Returns:
        A regular expression, for a full match.
    """
    for length in range(max(map(len, patterns)), 0, -1):
        beginnings = sorted({pattern[:length] for pattern in patterns})
        if sum(map(len, beginnings)) <= _LONGEST_EXPRESSION:
            break
    space = "[" + "".join(map(_escaped, map(ord, spaces))) + "]"
    spelled = ("".join(space if c == ord(" ") else _escaped(c) for c in beginning) for beginning in beginnings)
    return f"(?s).*(?:{'|'.join(spelled)}).*"


def _escaped(codepoint):
    """codepoint -> the same in a regular expression."""
    return rf"\x{{{codepoint:x}}}"
