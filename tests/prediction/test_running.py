"""Models run without work on padding: the same outputs, and fewer tokens in the dense layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from builders import BUILDERS, arrays, inputs_of, shared
from keras_bert.prediction.running import RealTokens, outputs_in_slices, outputs_of

MASK = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 2, 2, 0, 0]], "int32")


def test_real_tokens_by_hand():
    tokens = RealTokens.of(tf.constant(MASK))
    assert tokens.places.numpy().tolist() == [0, 1, 5, 6, 7, 8, 9, 10, 11, 12]
    assert tokens.numbers.numpy().tolist() == [0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]
    cells = tf.range(15)[:, None]
    assert tokens.out_of(cells)[:, 0].numpy().tolist() == tokens.places.numpy().tolist()
    back = tokens.spread(tokens.out_of(cells))[:, 0].numpy().reshape(MASK.shape)
    np.testing.assert_array_equal(back[MASK > 0], np.arange(15).reshape(MASK.shape)[MASK > 0])


@pytest.mark.parametrize("count, places", [(128, 128), (129, 160), (160, 160), (161, 192)])
def test_many_tokens_are_a_multiple(count, places):
    mask = np.zeros((1, 300), "int32")
    mask[0, :count] = 1
    assert len(RealTokens.of(tf.constant(mask)).places) == places


def test_rows_of_padding_alone():
    tokens = RealTokens.of(tf.zeros([2, 3], tf.int32))
    assert len(tokens.places) == 0


@pytest.mark.parametrize("name", BUILDERS)
def test_outputs_are_those_of_the_model(name):
    model, inputs = shared(name), inputs_of(name)
    expected = arrays(model(inputs, training=False))
    found = arrays(outputs_of(model, {key: tf.constant(value) for key, value in inputs.items()}))
    real = np.asarray(inputs["padding_mask"]) > 0
    for key, value in expected.items():
        cells = real if value.shape[:2] == real.shape and "mask_positions" not in inputs else ...
        np.testing.assert_allclose(found[key][cells], value[cells], atol=1e-5)


def test_dense_layers_see_real_tokens_alone(monkeypatch):
    model = shared("token_classifier")
    seen = []
    original = keras.layers.Dense.call

    def counting(layer, inputs, *args, **kwargs):
        seen.append(int(np.prod(inputs.shape[:-1])))
        return original(layer, inputs, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Dense, "call", counting)
    ids = tf.constant(5 * (MASK > 0))
    outputs_of(model, {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": tf.constant(MASK)})
    assert set(seen[:-1]) == {10}  # but the classifier itself, which is small


def test_slices_give_what_one_run_gives():
    model = shared("span_predictor")
    rng = np.random.default_rng(7)
    mask = (np.arange(9) < rng.integers(1, 10, size=(131, 1))).astype("int32")
    ids = tf.constant(rng.integers(5, 20, size=mask.shape) * mask, tf.int32)
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": tf.constant(mask)}
    whole, parts = arrays(outputs_of(model, inputs)), arrays(outputs_in_slices(model, inputs))
    for key, value in whole.items():
        np.testing.assert_allclose(parts[key][mask > 0], value[mask > 0], atol=1e-5)
