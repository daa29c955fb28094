"""BERT's normalization as TensorFlow graph ops, exact to the codepoint.

Cleaning, isolating Chinese characters, decomposing (NFD) and dropping accents, lower-casing: all of it depends on one
codepoint at a time, except for one thing, the canonical order of combining marks. So it is a table, made by asking
the reference implementation (`tests/references/make_codepoints.py`) and kept in `codepoints.npz`:

- `*_index`, `*_blocks`: an entry for each codepoint, in blocks of 128 that are kept once. Bits 0-1 of an entry: how
  many codepoints come out (0 to 3). Bit 2: the codepoint ends a word. Bit 3: what comes out may change places with
  its neighbours. The rest: the difference between what comes out and what went in, or, where several come out, where
  they begin in `*_expansions`.
- `marks`, `mark_ranks`: combining marks and their rank in canonical order.
- `aliased`: codepoints that tensorflow-text and BERT disagree on (punctuation or not). They travel as private-use
  codepoints, which cleaning keeps out of every text.

Most text needs none of it: rows in which every codepoint stays as it is (or is an ASCII capital) are recognised by a
regular expression and passed through. Shapes: B rows, N codepoints going in, M coming out, all rows one after the
other.
"""

import functools
import pathlib

import numpy as np
import tensorflow as tf

from keras_bert.utils.ragged import row_begins

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_WORD_LENGTH = 100  # in codepoints, after normalization; longer words are unknown

_BLOCK_BITS = 7
_LENGTH, _ENDS_WORD, _MOVES, _VALUE_SHIFT = 0b0011, 0b0100, 0b1000, 4
_FIRST_SPECIAL_INPUT = 0x110000  # one past Unicode: what a special token found whole in a text is replaced with
PRIVATE = range(0x100000, 0x110000)  # plane 16: never in a cleaned text
_UNKNOWN_LETTER, FIRST_SPECIAL, _FIRST_ALIAS = 0x100000, 0x100001, 0x100010

# Rows without such a run have no word over the limit. Leaving out what commonly parts words keeps Chinese text on the
# short way.
_PARTING = r"\x00-\x2F\x3A-\x40\x5B-\x60\x7B-\x7F\x{2010}-\x{2027}\x{3000}-\x{3003}\x{3008}-\x{3011}\x{4E00}-\x{9FFF}"
_LONG_RUN = rf"(?s).*[^{_PARTING}]{{{MAX_WORD_LENGTH + 1}}}.*"
_HAS_SPECIAL_TOKEN = r"(?s).*\[(PAD|UNK|CLS|SEP|MASK)\].*"


@functools.cache
def _table(lowercase, strip_accents):
    """The kept arrays of one setting: (bool, bool) -> {name: array}."""
    setting = "_".join(["lower"] * lowercase + ["stripped"] * strip_accents) or "cased"
    names = {"index": f"{setting}_index", "blocks": f"{setting}_blocks", "expansions": f"{setting}_expansions"}
    names |= {name: name for name in ("marks", "mark_ranks", "aliased")}
    with np.load(pathlib.Path(__file__).with_name("codepoints.npz")) as kept:
        return {name: kept[key].astype(np.int32) for name, key in names.items()}


def token_aliases():
    """How vocabulary entries must be spelled to match normalized text: {codepoint: codepoint}, for `str.translate`."""
    aliased = _table(False, False)["aliased"]
    return {int(codepoint): _FIRST_ALIAS + i for i, codepoint in enumerate(aliased)}


def stand_alone():
    """Which codepoints BERT makes words of their own, or white space, once normalized: bool [0x110000]."""
    table = _table(False, False)
    alone = table["blocks"][table["index"]].reshape(-1)[:_FIRST_SPECIAL_INPUT] & _ENDS_WORD != 0
    alone[table["aliased"]] ^= True
    return alone


class Normalization:
    """Normalizes strings as BERT does, up to the word boundaries that FastWordpieceTokenizer finds by itself.

    The result is meant for that tokenizer, not for reading: codepoints in plane 16 stand for special tokens, for
    letters of words over 100 codepoints, and for codepoints that tensorflow-text would take for punctuation where
    BERT doesn't.

    Args:
        lowercase: Whether to lower-case.
        strip_accents: Whether to decompose and drop accents.
    """

    def __init__(self, lowercase, strip_accents):
        table = self._table = _table(lowercase, strip_accents)
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self._passes = _pass_through(table, lowercase)
        with tf.init_scope(), tf.device("CPU:0"):
            self._index = tf.constant(table["index"])
            self._blocks = tf.constant(table["blocks"].reshape(-1))
            self._expansions = tf.constant(table["expansions"])
            self._marks = tf.constant(table["marks"])
            self._mark_ranks = tf.constant(table["mark_ranks"])

    def __call__(self, texts, keep_special_tokens=False):
        """Normalizes strings: string [B] -> (string [B], origins).

        Args:
            texts: String tensor, [B].
            keep_special_tokens: Whether "[MASK]" and the like in a text stay whole.

        Returns:
            `normalized`, string [B], and `origins`, three int32 tensors: where each rewritten codepoint comes from,
            [M], its first and one past its last codepoint in the raw row; and for each row where it begins among
            these, [B], or -1 if the row was passed through, codepoint for codepoint.
        """
        passed = tf.strings.regex_full_match(texts, self._passes) & ~tf.strings.regex_full_match(texts, _LONG_RUN)
        lowered = tf.strings.lower(texts) if self.lowercase else texts
        for strings, expression in self._in_the_way(texts, lowered, keep_special_tokens):
            passed &= ~tf.strings.regex_full_match(strings, expression)
        rows = tf.cast(tf.where(~passed), tf.int32)  # [R, 1]
        row_begins = tf.fill(tf.shape(texts), -1)  # [B]

        def rewrite():
            rewritten, begins, ends, splits = self._rewrite(tf.gather_nd(texts, rows), keep_special_tokens)
            normalized = tf.tensor_scatter_nd_update(lowered, rows, rewritten)
            return normalized, begins, ends, tf.tensor_scatter_nd_update(row_begins, rows, splits[:-1])

        def leave():
            nothing = tf.zeros([0], tf.int32)
            return lowered, nothing, nothing, row_begins

        normalized, *origins = tf.cond(tf.shape(rows)[0] > 0, rewrite, leave)
        return normalized, origins

    def spaces(self):
        """The characters that become a space: string."""
        entries, output = _single_outputs(self._table)
        return "".join(map(chr, np.flatnonzero((entries & _LENGTH == 1) & (output == ord(" ")))))

    def _in_the_way(self, texts, lowered, keep_special_tokens):
        """texts, the same in lower case -> pairs of one of them, and what its rows must not match to be passed."""
        return [(texts, _HAS_SPECIAL_TOKEN)] if keep_special_tokens else []

    def _rewrite(self, texts, keep_special_tokens):
        """The whole way: string [R] -> string [R], begins [M] and ends [M] in the raw rows, splits [R + 1]."""
        splits, codepoints = decode(texts)
        position = positions_in_rows(codepoints, splits)
        end = position + 1
        if keep_special_tokens:
            codepoints, width = _join_special_tokens(codepoints, splits)
            end = position + width
        codepoints, origin, splits = self._normalized(codepoints, self._entries(codepoints), splits)
        return self._encoded(codepoints, splits), tf.gather(position, origin), tf.gather(end, origin), splits

    def _normalized(self, codepoints, entries, splits):
        """[N], [N], [R + 1] -> codepoints [M], their origins among the N [M], splits [R + 1]."""
        expand = functools.partial(self._expand, codepoints, entries, splits)
        if not self.strip_accents:
            return expand()
        reorder = functools.partial(self._reorder, codepoints, entries, splits)
        return tf.cond(tf.reduce_any(entries & _MOVES != 0), reorder, expand)

    def _encoded(self, codepoints, splits):
        """Normalized codepoints [M], splits [R + 1] -> string [R], in which words over the limit are unknown."""
        normalized = _encode(codepoints, splits)
        return tf.cond(
            tf.reduce_any(tf.strings.regex_full_match(normalized, _LONG_RUN)),
            lambda: _encode(self._blank_long_words(codepoints, splits), splits),
            lambda: normalized,
        )

    def _entries(self, codepoints):
        """Looks codepoints up in the table: int32 [N] -> int32 [N]."""
        block = tf.gather(self._index, tf.bitwise.right_shift(codepoints, _BLOCK_BITS))
        return tf.gather(self._blocks, block * (1 << _BLOCK_BITS) + (codepoints & ((1 << _BLOCK_BITS) - 1)))

    def _expand(self, codepoints, entries, splits, length=None, single=None):
        """Replaces codepoints: [N], [N], [R + 1] -> codepoints [M], their origins among the N [M], splits [R + 1]."""
        value = tf.bitwise.right_shift(entries, _VALUE_SHIFT)
        length = entries & _LENGTH if length is None else length
        single = codepoints + value if single is None else single
        start = tf.where(length == 1, tf.range(tf.size(codepoints)), tf.size(codepoints) + value)
        ranges = tf.ragged.range(start, start + length, row_splits_dtype=tf.int32)
        expanded = tf.gather(tf.concat([single, self._expansions], 0), ranges.values)
        return expanded, row_of_each(ranges.row_splits), tf.gather(ranges.row_splits, splits)

    def _reorder(self, codepoints, entries, splits):
        """As `_expand`, but puts combining marks in canonical order, for rows where that changes what comes out.

        Accents that will be dropped take part in the order. A codepoint that moves takes over the origin of the place
        it moves to, as in the reference, where only the first codepoint of a decomposition uses up an origin.
        """
        is_mark, rank = self._rank(codepoints)  # [N]
        dropped = (entries & _LENGTH == 0) & is_mark
        length = tf.where(dropped, 1, entries & _LENGTH)
        single = tf.where(dropped, -1, codepoints + tf.bitwise.right_shift(entries, _VALUE_SHIFT))
        expanded, origin, splits = self._expand(codepoints, entries, splits, length, single)  # [M]
        row = row_of_each(splits)
        first = row_begins(origin)
        rank = tf.where(first, tf.gather(rank, origin), self._rank(expanded)[1])
        run = tf.cumsum(tf.cast((rank == 0) | row_begins(row), tf.int64))
        order = tf.argsort(run * 64 + tf.cast(rank, tf.int64), stable=True)
        expanded, first = tf.gather(expanded, order), tf.gather(first, order)
        used = tf.cumsum(tf.cast(first, tf.int32)) - 1
        origin = tf.gather(tf.boolean_mask(tf.range(tf.size(codepoints)), length > 0), used)
        kept = expanded >= 0
        kept_before = tf.concat([[0], tf.cumsum(tf.cast(kept, tf.int32))], 0)
        return tf.boolean_mask(expanded, kept), tf.boolean_mask(origin, kept), tf.gather(kept_before, splits)

    def _rank(self, codepoints):
        """Looks combining marks up: int32 [N] -> whether it is one, bool [N]; its canonical rank, or 0, int32 [N]."""
        place = tf.minimum(tf.searchsorted(self._marks, codepoints), tf.size(self._marks) - 1)
        is_mark = tf.gather(self._marks, place) == codepoints
        return is_mark, tf.where(is_mark, tf.gather(self._mark_ranks, place), 0)

    def _blank_long_words(self, codepoints, splits):
        """Makes words over the limit unknown: int32 [M], int32 [R + 1] -> int32 [M]."""
        ends_word = self._entries(codepoints) & _ENDS_WORD != 0
        after_end = tf.concat([[True], ends_word[:-1]], 0)
        word = tf.cumsum(tf.cast(ends_word | after_end | row_begins(row_of_each(splits)), tf.int32)) - 1
        length = tf.gather(tf.math.segment_sum(tf.ones_like(word), word), word)
        return tf.where(length > MAX_WORD_LENGTH, _UNKNOWN_LETTER, codepoints)


def _single_outputs(table):
    """table -> entries of all codepoints, and what comes out of each of which one comes out."""
    entries = table["blocks"][table["index"]].reshape(-1)[:_FIRST_SPECIAL_INPUT]
    return entries, np.arange(_FIRST_SPECIAL_INPUT) + (entries >> _VALUE_SHIFT)


def _pass_through(table, lowercase):
    """The expression that matches rows which need no rewriting: table -> regular expression."""
    entries, output = _single_outputs(table)
    passes = (entries & (_LENGTH | _MOVES) == 1) & ((entries >> _VALUE_SHIFT == 0) | (output == ord(" ")))
    if lowercase:
        passes[ord("A") : ord("Z") + 1] = True
    edges = np.flatnonzero(np.diff(passes, prepend=False, append=False)).reshape(-1, 2)
    return "[" + "".join(rf"\x{{{first:x}}}-\x{{{end - 1:x}}}" for first, end in edges) + "]*"


def _join_special_tokens(codepoints, splits):
    """Puts one codepoint for each special token: [N], [R + 1] -> codepoints [N], how many each stands for [N]."""
    longest = max(map(len, SPECIAL_TOKENS))
    padded = tf.concat([codepoints, tf.fill([longest], -1)], 0)
    size = tf.size(codepoints)
    left = tf.gather(splits[1:], row_of_each(splits)) - tf.range(size)  # to the end of the row
    joined, width = codepoints, tf.ones_like(codepoints)
    for i, token in enumerate(SPECIAL_TOKENS):
        found = left >= len(token)
        for j, character in enumerate(token):
            found &= padded[j : size + j] == ord(character)
        joined = tf.where(found, _FIRST_SPECIAL_INPUT + i, joined)
        width = tf.where(found, len(token), width)
        for j in range(1, len(token)):
            behind = tf.concat([tf.zeros([j], tf.bool), found], 0)[:size]
            joined = tf.where(behind, 0, joined)  # NUL: cleaned away
    return joined, width


def decode(texts):
    """UTF-8 string [R] -> int32 [R + 1], int32 [N]."""
    splits, codepoints = tf.raw_ops.UnicodeDecode(
        input=texts, input_encoding="UTF-8", errors="replace", replacement_char=0xFFFD, Tsplits=tf.int32
    )
    return splits, codepoints


def positions_in_rows(codepoints, splits):
    """int32 [N], int32 [R + 1] -> each codepoint's number in its row, int32 [N]."""
    return tf.range(tf.size(codepoints)) - tf.gather(splits, row_of_each(splits))


def _encode(codepoints, splits):
    """int32 [M], int32 [R + 1] -> UTF-8 string [R]."""
    return tf.raw_ops.UnicodeEncode(input_values=codepoints, input_splits=splits, output_encoding="UTF-8")


def row_of_each(splits):
    """The row that each value is in: int32 [R + 1] -> int32 [M]."""
    size = splits[-1]
    rows_before = tf.math.unsorted_segment_sum(tf.ones_like(splits[1:-1]), splits[1:-1], size + 1)
    return tf.cumsum(rows_before[:size])
