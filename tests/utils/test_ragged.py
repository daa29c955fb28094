"""Where rows begin."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.utils.ragged import row_begins


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_rows_begin_where_their_number_changes(kind):
    rows = np.array([1, 1, 1, 4, 5, 5, 9], kind)
    assert row_begins(rows).numpy().tolist() == [True, False, False, True, True, False, True]
    assert row_begins(tf.constant(rows)[:1]).numpy().tolist() == [True]
    assert row_begins(tf.constant([], kind)).shape == (0,)


def test_it_agrees_with_the_rows_of_a_ragged_tensor():
    generator = np.random.default_rng(5)
    ragged = tf.RaggedTensor.from_row_lengths(tf.range(60), [*generator.multinomial(60, [1 / 29] * 29)])
    starts = [start for start, length in zip(ragged.row_starts(), ragged.row_lengths(), strict=True) if length]
    assert np.flatnonzero(row_begins(ragged.value_rowids())).tolist() == starts
