"""One vector of a text: worked out by hand, whatever stands in the padding."""

import numpy as np
import pytest
from keras import ops

from keras_bert.layers import Pooling

VECTORS = np.array([[[1.0, -4.0], [3.0, -2.0], [8.0, 7.0]], [[0.5, 0.0], [-1.5, 6.0], [2.5, 3.0]]], "float32")
MASK = np.array([[1, 1, 0], [1, 1, 1]], "int32")
BY_HAND = {
    "mean": [[2.0, -3.0], [0.5, 3.0]],
    "max": [[3.0, -2.0], [2.5, 6.0]],
    "cls": [[1.0, -4.0], [0.5, 0.0]],
}


@pytest.mark.parametrize("mode", BY_HAND)
def test_values_worked_out_by_hand(mode):
    np.testing.assert_array_equal(ops.convert_to_numpy(Pooling(mode)(VECTORS, MASK)), BY_HAND[mode])


@pytest.mark.parametrize("mode", BY_HAND)
def test_padding_does_not_count(mode):
    other = np.where(MASK[:, :, None] == 0, 1e6, VECTORS)
    np.testing.assert_array_equal(ops.convert_to_numpy(Pooling(mode)(other, MASK)), BY_HAND[mode])


@pytest.mark.parametrize("mode", BY_HAND)
def test_of_a_packed_row_the_first_sequence_counts(mode):
    packed = np.array([[1, 1, 2], [1, 1, 1]], "int32")
    np.testing.assert_array_equal(ops.convert_to_numpy(Pooling(mode)(VECTORS, packed)), BY_HAND[mode])


@pytest.mark.parametrize("mode", BY_HAND)
def test_nan_stays_nan(mode):
    vectors = VECTORS.copy()
    vectors[0, 0, 0] = np.nan
    pooled = ops.convert_to_numpy(Pooling(mode)(vectors, MASK))
    assert np.isnan(pooled).tolist() == [[True, False], [False, False]]


def test_bfloat16_is_pooled_in_float32():
    vectors = np.full((1, 300, 1), 1.0, "float32")
    vectors[0, 0] = 2.0
    pooled = Pooling("mean", dtype="mixed_bfloat16")(ops.cast(vectors, "bfloat16"), np.ones((1, 300), "int32"))
    assert ops.convert_to_numpy(pooled).dtype == np.float32
    np.testing.assert_allclose(ops.convert_to_numpy(pooled), [[301 / 300]], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("mode", BY_HAND)
def test_gradients_go_to_the_tokens_that_count(mode, jit_compile):
    import tensorflow as tf

    layer = Pooling(mode)

    @tf.function(jit_compile=jit_compile)
    def gradient(vectors):
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            pooled = layer(tf.tanh(vectors) / 3, MASK)
        return tape.gradient(pooled, vectors)

    shares = {
        "mean": MASK[:, :, None] / MASK.sum(axis=1)[:, None, None] * np.ones(2),
        "max": np.array([[[0, 0], [1, 1], [0, 0]], [[0, 0], [0, 1], [1, 0]]]),
        "cls": np.array([[[1, 1], [0, 0], [0, 0]]] * 2),
    }
    expected = shares[mode] * (1 - np.tanh(VECTORS) ** 2) / 3
    np.testing.assert_allclose(gradient(tf.constant(VECTORS)), expected, rtol=1e-5, atol=1e-7)


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="`mode` must be one of mean, cls, max"):
        Pooling("sum")
