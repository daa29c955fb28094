"""Overlapping windows: complete, of even overlap, and one answer for each token."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.data.windows import check_stride, most_context, window_positions, window_spans

LENGTHS = [101, 7, 0, 33, 250, 1]
SIZES = [(8, 3), (5, 4), (16, 15), (31, 0), (30, 29), (1, 0)]


@pytest.mark.parametrize(("room", "stride"), SIZES)
def test_windows_are_those_of_tokenizers(room, stride, tokenizer):
    tokenizers = pytest.importorskip("tokenizers")
    reference = tokenizers.BertWordPieceTokenizer(dict(tokenizer.vocabulary))
    reference.enable_truncation(room + 2, stride=stride)
    begins, ends = window_spans(LENGTHS, room, stride)
    for length, first, last in zip(LENGTHS, begins.to_list(), ends.to_list(), strict=True):
        encoding = reference.encode("good " * length)
        assert [b - a for a, b in zip(first, last, strict=True)] == [
            len(part.ids) - 2 for part in (encoding, *encoding.overflowing)
        ]
        assert first == [i * (room - stride) for i in range(len(first))]


def test_each_text_may_have_room_of_its_own():
    begins, ends = window_spans([7, 7], room=np.array([3, 6]), stride=1)
    assert (begins.to_list(), ends.to_list()) == ([[0, 2, 4], [0, 5]], [[3, 5, 7], [6, 7]])


@pytest.mark.parametrize(("room", "stride"), SIZES)
def test_every_token_is_answered_once_in_order_where_it_has_most_context(room, stride):
    rows = tf.ragged.range(tf.constant(LENGTHS))
    positions = window_positions(rows, *window_spans(rows.row_lengths(), room, stride))
    chosen = most_context(positions, sum(LENGTHS))
    np.testing.assert_array_equal(tf.boolean_mask(positions.values, chosen.values), np.arange(sum(LENGTHS)))
    poorer_side = {}
    for window, mask in zip(positions.to_list(), chosen.to_list(), strict=True):
        for i, (position, is_chosen) in enumerate(zip(window, mask, strict=True)):
            poorer_side.setdefault(position, []).append((min(i, len(window) - 1 - i), is_chosen))
    for context in poorer_side.values():
        assert [value for value, is_chosen in context if is_chosen] == [max(value for value, _ in context)]


@pytest.mark.parametrize("stride", [-1, 5, 7, 2.0, True])
def test_a_stride_that_cannot_advance_is_refused(stride):
    with pytest.raises(ValueError, match=r"less than the 5 tokens.*Received: stride="):
        check_stride(stride, room=5)
