"""Pairs in rows: best fit, and what stands where."""

import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data.pretraining.rows import best_fit, pair_rows, sequence_rows


@pytest.fixture(scope="module")
def tokenizer():
    """The special tokens and 300 words; padding isn't 0."""
    return keras_bert.WordPieceTokenizer(["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]", *(f"w{i}" for i in range(300))])


def best_fit_decreasing(lengths, max_length, pairs_in_row):
    """The rule in plain Python: lengths -> rows of lengths."""
    rows = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row in rows if sum(row) + length <= max_length and len(row) < pairs_in_row]
        if fitting:
            max(fitting, key=sum).append(length)
        else:
            rows.append([length])
    return rows


def packed(lengths, max_length, pairs_in_row):
    """Lengths -> rows of lengths, after a look at what `best_fit` promises."""
    row, offset, slot, num_rows = (
        part.numpy() for part in best_fit(tf.constant(lengths, tf.int32), max_length, pairs_in_row)
    )
    used = np.zeros((num_rows, max_length), int)
    rows = [[] for _ in range(num_rows)]
    for i in np.lexsort([slot, row]):
        assert 0 <= row[i] < num_rows and offset[i] + lengths[i] <= max_length
        assert slot[i] == len(rows[row[i]]) < pairs_in_row
        used[row[i], offset[i] : offset[i] + lengths[i]] += 1
        rows[row[i]].append(lengths[i])
    assert used.max(initial=0) <= 1  # no cell twice
    assert all(used[i, : sum(lengths)].all() for i, lengths in enumerate(rows))  # no gaps
    assert all(rows)
    return rows


@pytest.mark.parametrize(
    ("low", "high", "max_length", "pairs_in_row", "count"),
    [
        (5, 61, 61, 8, 211),
        (5, 18, 61, 3, 211),
        (5, 8, 61, 2, 97),
        (57, 61, 61, 8, 31),
        (5, 129, 128, 8, 503),
        (3, 61, 61, 20, 211),
    ],
)
def test_as_many_rows_as_best_fit_in_plain_python(low, high, max_length, pairs_in_row, count):
    lengths = np.random.default_rng(low).integers(low, min(high, max_length) + 1, count).tolist()
    rows = packed(lengths, max_length, pairs_in_row)
    expected = best_fit_decreasing(lengths, max_length, pairs_in_row)
    assert sorted(map(sorted, rows)) == sorted(map(sorted, expected))


@pytest.mark.parametrize("lengths", [[9], [5, 5], [13, 13, 13], [5] * 23, []])
def test_small_cases(lengths):
    rows = packed(lengths, 13, 4)
    assert sorted(map(sorted, rows)) == sorted(map(sorted, best_fit_decreasing(lengths, 13, 4)))


def test_best_fit_by_hand():
    # 11 and 9 begin rows; 7 goes with 9, which leaves less than it does beside nothing; 6 fills up 11.
    assert sorted(packed([11, 6, 5, 7, 5, 9], 17, 3)) == [[5, 5], [9, 7], [11, 6]]
    assert len(packed([11, 6, 5, 7, 5, 9], 17, 1)) == 6
    assert sorted(packed([5, 5, 5, 5, 5], 17, 2)) == [[5], [5, 5], [5, 5]]


def test_rows_by_hand(tokenizer):
    pad, cls, sep = tokenizer.padding_id, tokenizer.cls_id, tokenizer.sep_id
    tokens = tf.range(100, 120)
    spans = tf.constant([[0, 2, 2, 3], [3, 7, 9, 12], [12, 13, 13, 14]])  # of 6, 10 and 5 tokens
    rows = pair_rows(tokens, spans, tf.constant([0, 1, -1]), tokenizer, max_length=13, pairs_in_row=3)
    assert {name: value.dtype for name, value in rows.items()} == dict.fromkeys(rows, tf.int32)
    assert {name: value.numpy().tolist() for name, value in rows.items()} == {
        "token_ids": [
            [cls, 103, 104, 105, 106, sep, 109, 110, 111, sep, pad, pad, pad],
            [cls, 100, 101, sep, 102, sep, cls, 112, sep, 113, sep, pad, pad],
        ],
        "segment_ids": [[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0]],
        "padding_mask": [[1] * 10 + [0] * 3, [1] * 6 + [2] * 5 + [0] * 2],
        "cls_positions": [[0, 0, 0], [0, 6, 0]],
        "nsp_labels": [[1, -1, -1], [0, -1, -1]],
    }


def test_rows_of_sequences_by_hand(tokenizer):
    pad, cls, sep = tokenizer.padding_id, tokenizer.cls_id, tokenizer.sep_id
    spans = tf.constant([[0, 1], [1, 8], [8, 11]])  # of 3, 9 and 5 tokens
    rows = sequence_rows(tf.range(100, 120), spans, tokenizer, max_length=9, sequences_in_row=3)
    assert {name: value.dtype for name, value in rows.items()} == dict.fromkeys(rows, tf.int32)
    assert {name: value.numpy().tolist() for name, value in rows.items()} == {
        "token_ids": [
            [cls, 101, 102, 103, 104, 105, 106, 107, sep],
            [cls, 108, 109, 110, sep, cls, 100, sep, pad],
        ],
        "segment_ids": [[0] * 9] * 2,
        "padding_mask": [[1] * 9, [1] * 5 + [2] * 3 + [0]],
    }


@pytest.mark.parametrize("pairs_in_row", [1, 5])
def test_every_pair_is_in_its_place(tokenizer, pairs_in_row):
    generator = np.random.default_rng(1)
    tokens = generator.integers(5, 300, 997).astype("int32")
    a_length, b_length = generator.integers(1, 13, 301), generator.integers(1, 13, 301)
    a_begin, b_begin = generator.integers(0, 997 - 12, 301), generator.integers(0, 997 - 12, 301)
    spans = np.stack([a_begin, a_begin + a_length, b_begin, b_begin + b_length], axis=1).astype("int32")
    labels = generator.integers(0, 2, 301).astype("int32")
    rows = pair_rows(tf.constant(tokens), tf.constant(spans), tf.constant(labels), tokenizer, 37, pairs_in_row)
    rows = {name: value.numpy() for name, value in rows.items()}
    found = []
    for row in range(len(rows["token_ids"])):
        ids, segments, mask = (rows[name][row] for name in ("token_ids", "segment_ids", "padding_mask"))
        number = mask.max()
        assert 1 <= number <= pairs_in_row
        assert (np.diff(mask[mask > 0]) >= 0).all() and set(mask[mask > 0]) == set(range(1, number + 1))
        assert (ids[mask == 0] == tokenizer.padding_id).all() and not segments[mask == 0].any()
        assert (mask == 0)[np.count_nonzero(mask) :].all()  # padding stands last
        assert (rows["nsp_labels"][row, number:] == -1).all() and not rows["cls_positions"][row, number:].any()
        for k in range(number):
            (places,) = np.nonzero(mask == k + 1)
            assert rows["cls_positions"][row, k] == places[0]
            pair, sides = ids[places], segments[places]
            first_sep = np.count_nonzero(sides == 0) - 1
            assert (np.diff(sides) >= 0).all()
            assert pair[0] == tokenizer.cls_id and pair[first_sep] == pair[-1] == tokenizer.sep_id
            found.append((*pair[1:first_sep], "|", *pair[first_sep + 1 : -1], int(rows["nsp_labels"][row, k])))
    expected = [
        (*tokens[span[0] : span[1]], "|", *tokens[span[2] : span[3]], int(label))
        for span, label in zip(spans, labels, strict=True)
    ]
    assert sorted(map(str, found)) == sorted(map(str, expected))


def test_no_pair_makes_no_row(tokenizer):
    nothing = tf.zeros([0, 4], tf.int32), tf.zeros([0], tf.int32)
    rows = pair_rows(tf.zeros([0], tf.int32), *nothing, tokenizer, max_length=13, pairs_in_row=3)
    assert {name: tuple(value.shape) for name, value in rows.items()} == {
        "token_ids": (0, 13),
        "segment_ids": (0, 13),
        "padding_mask": (0, 13),
        "cls_positions": (0, 3),
        "nsp_labels": (0, 3),
    }
    rows = sequence_rows(tf.zeros([0], tf.int32), tf.zeros([0, 2], tf.int32), tokenizer, 13, sequences_in_row=3)
    assert [tuple(value.shape) for value in rows.values()] == [(0, 13)] * 3
