"""The embedding layer: positions from the mask, the sum, and its normalization, against values worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_bert import TokenAndPositionAndSegmentEmbedding

BATCH, LENGTH, HIDDEN, VOCABULARY, POSITIONS, SEGMENTS = 3, 7, 12, 29, 11, 5


def make(**overrides):
    arguments = {
        "vocabulary_size": VOCABULARY,
        "hidden_dim": HIDDEN,
        "max_sequence_length": POSITIONS,
        "num_segments": SEGMENTS,
        "dropout": 0.0,
    }
    return TokenAndPositionAndSegmentEmbedding(**{**arguments, **overrides})


def normalized(x, epsilon=1e-12):
    x = np.asarray(x, "float64")
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


def random_inputs(seed=1):
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(0, VOCABULARY, (BATCH, LENGTH)).astype("int32")
    return token_ids, rng.integers(0, SEGMENTS, (BATCH, LENGTH)).astype("int32")


def filled(layer, seed=2, scale=1.0):
    """Builds the layer and fills its tables with known values; returns the three tables."""
    layer.build((BATCH, LENGTH))
    rng = np.random.default_rng(seed)
    tables = [rng.normal(size=(rows, HIDDEN)).astype("float32") * scale for rows in (VOCABULARY, POSITIONS, SEGMENTS)]
    layer.token_embedding.embeddings.assign(tables[0])
    layer.position_embedding.embeddings.assign(tables[1])
    layer.segment_embedding.embeddings.assign(tables[2])
    return tables


def test_weights():
    layer = make()
    layer.build((BATCH, LENGTH))
    shapes = sorted(tuple(v.shape) for v in layer.trainable_variables)
    assert shapes == sorted([(VOCABULARY, HIDDEN), (POSITIONS, HIDDEN), (SEGMENTS, HIDDEN), (HIDDEN,), (HIDDEN,)])
    assert layer.count_params() == (29 + 11 + 5) * 12 + 2 * 12


def test_starts_from_a_truncated_normal():
    layer = make(vocabulary_size=2000, initializer_range=0.05)
    layer.build((BATCH, LENGTH))
    table = ops.convert_to_numpy(layer.token_embedding.embeddings)
    assert np.abs(table).max() <= 2 * 0.05 + 1e-6
    assert np.std(table) == pytest.approx(0.88 * 0.05, rel=0.02)  # a normal cut at two deviations


# Worked out by hand. A position is the count of earlier tokens of the same sequence; None: padding, any value will do.
ROWS = {
    "whole": ([1, 1, 1, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5, 6]),
    "padded": ([1, 1, 1, 1, 0, 0, 0], [0, 1, 2, 3, None, None, None]),
    "left-padded": ([0, 0, 1, 1, 1, 1, 1], [None, None, 0, 1, 2, 3, 4]),
    "packed": ([1, 1, 2, 2, 2, 3, 3], [0, 1, 0, 1, 2, 0, 1]),
    "packed and padded": ([1, 1, 1, 2, 2, 0, 0], [0, 1, 2, 0, 1, None, None]),
    "padding between": ([1, 1, 0, 2, 2, 2, 0], [0, 1, None, 0, 1, 2, None]),
    "numbered backwards": ([3, 3, 1, 1, 1, 2, 2], [0, 1, 0, 1, 2, 0, 1]),
}


@pytest.mark.parametrize("mask, positions", ROWS.values(), ids=ROWS)
def test_positions_from_the_mask(mask, positions):
    layer = make()
    _, position_table, _ = filled(layer)
    layer.token_embedding.embeddings.assign(np.zeros((VOCABULARY, HIDDEN)))
    layer.segment_embedding.embeddings.assign(np.zeros((SEGMENTS, HIDDEN)))
    output = layer(np.zeros((1, LENGTH), "int32"), padding_mask=np.array([mask]))[0]
    for t, position in enumerate(positions):
        if position is not None:
            np.testing.assert_allclose(output[t], normalized(position_table[position]), atol=1e-5)


def test_rows_are_numbered_one_by_one():
    layer = make()
    _, position_table, _ = filled(layer)
    layer.token_embedding.embeddings.assign(np.zeros((VOCABULARY, HIDDEN)))
    layer.segment_embedding.embeddings.assign(np.zeros((SEGMENTS, HIDDEN)))
    masks = np.array([ROWS[name][0] for name in ("whole", "packed", "numbered backwards")])
    expected = np.array([ROWS[name][1] for name in ("whole", "packed", "numbered backwards")])
    output = layer(np.zeros_like(masks), padding_mask=masks)
    np.testing.assert_allclose(output, normalized(position_table[expected]), atol=1e-5)


def test_sum_of_three_tables():
    layer = make()
    tokens, positions, segments = filled(layer)
    token_ids, segment_ids = random_inputs()
    expected = normalized(tokens[token_ids] + positions[np.arange(LENGTH)] + segments[segment_ids])
    output = layer(token_ids, segment_ids=segment_ids, padding_mask=np.ones_like(token_ids))
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_scale_and_offset_of_the_normalization():
    layer = make()
    tokens, positions, segments = filled(layer)
    gamma, beta = np.linspace(0.5, 2, HIDDEN), np.linspace(-1, 1, HIDDEN)
    layer.layer_norm.gamma.assign(gamma)
    layer.layer_norm.beta.assign(beta)
    token_ids, segment_ids = random_inputs()
    expected = normalized(tokens[token_ids] + positions[np.arange(LENGTH)] + segments[segment_ids]) * gamma + beta
    output = layer(token_ids, segment_ids=segment_ids, padding_mask=np.ones_like(token_ids))
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-12, 1e-9])
def test_epsilon_of_the_normalization(epsilon):
    layer = make(layer_norm_epsilon=epsilon)
    tokens, positions, segments = filled(layer, scale=1e-6)  # a variance near 1e-12: any other epsilon shows
    token_ids, segment_ids = random_inputs()
    vectors = tokens[token_ids].astype("float64") + positions[np.arange(LENGTH)] + segments[segment_ids]
    output = layer(token_ids, segment_ids=segment_ids, padding_mask=np.ones_like(token_ids))
    np.testing.assert_allclose(output, normalized(vectors, epsilon), atol=1e-4)


def test_epsilon_defaults_to_berts():
    assert make().get_config()["layer_norm_epsilon"] == 1e-12


def test_without_mask_and_segments():
    layer = make()
    token_ids, _ = random_inputs()
    expected = layer(token_ids, segment_ids=np.zeros_like(token_ids), padding_mask=np.ones_like(token_ids))
    np.testing.assert_array_equal(layer(token_ids), expected)


@pytest.mark.parametrize("kind", ["int32", "int64", "float32", "bool"])
def test_mask_of_any_kind(kind):
    layer = make()
    token_ids, _ = random_inputs()
    mask = np.array([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6])
    expected = layer(token_ids, padding_mask=mask.astype("int32"))
    np.testing.assert_array_equal(layer(token_ids, padding_mask=mask.astype(kind)), expected)


def test_packed_row_is_separate_rows():
    layer = make()
    first, second = np.array([[2, 9, 4, 3]]), np.array([[2, 8, 3]])
    packed = layer(np.concatenate([first, second], axis=1), padding_mask=np.array([[1, 1, 1, 1, 2, 2, 2]]))
    np.testing.assert_allclose(packed[:, :4], layer(first), atol=1e-6)
    np.testing.assert_allclose(packed[:, 4:], layer(second), atol=1e-6)


def test_packed_row_may_be_longer_than_a_sequence():
    layer = make(max_sequence_length=4)
    output = layer(np.zeros((1, 7), "int32"), padding_mask=np.array([[1, 1, 1, 1, 2, 2, 2]]))
    assert np.isfinite(output).all()


def test_padding_may_be_longer_than_a_sequence():
    layer = make(max_sequence_length=4)
    token_ids = np.array([[2, 9, 3, 0, 0, 0, 0, 0, 0]])
    output = layer(token_ids, padding_mask=np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0]]))
    assert np.isfinite(output).all()
    np.testing.assert_allclose(output[:, :3], layer(token_ids[:, :3]), atol=1e-6)


def test_too_long_a_sequence():
    with pytest.raises(ValueError, match=r"7 tokens.*max_sequence_length=5"):
        make(max_sequence_length=5)(np.zeros((BATCH, 7), "int32"))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"token_ids": [[2, 29, 3]]}, r"token_ids\[0, 1\] is 29, .* 29 tokens"),
        ({"token_ids": [[2, -1, 3]]}, r"token_ids\[0, 1\] is -1"),
        ({"segment_ids": [[0, 0, 5]]}, r"segment_ids\[0, 2\] is 5, .* 5 of them"),
        ({"padding_mask": [[0, -10000, 0]]}, r"padding_mask\[0, 1\] is -10000"),
        ({"padding_mask": [[1, 1, 0.5]]}, r"padding_mask\[0, 2\] is 0\.5"),
        ({"padding_mask": [[1, 1]]}, "as many tokens"),
    ],
)
def test_wrong_values(wrong, message):
    inputs = {"token_ids": [[2, 9, 3]], "segment_ids": [[0, 0, 1]], "padding_mask": [[1, 1, 1]]}
    inputs = {name: np.array(wrong.get(name, value)) for name, value in inputs.items()}
    with pytest.raises(ValueError, match=message):
        make()(**inputs)


def test_too_long_a_sequence_without_batch():
    with pytest.raises(ValueError, match="max_sequence_length=5"):
        make(max_sequence_length=5)(keras.Input((7,), dtype="int32"))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("compiled", [None, False, True])
def test_a_row_looked_up_twice_has_one_gradient(policy, compiled):
    """Not a slice for each place, whose squares an optimizer would add up."""
    keras.config.set_dtype_policy(policy)
    layer = make()
    layer.build((BATCH, LENGTH))
    tables = [variable.value for variable in layer.trainable_variables[:3]]
    call = layer if compiled is None else tf.function(layer, jit_compile=compiled)
    with tf.GradientTape() as tape:
        output = call(tf.constant([[2, 9, 9, 9, 3]]))
        loss = tf.reduce_sum(tf.cast(output, "float32") * np.arange(HIDDEN))
    gradients = tape.gradient(loss, tables)
    assert [type(gradient) for gradient in gradients] == [type(tf.constant(0))] * 3
    assert np.flatnonzero(np.abs(gradients[0]).sum(axis=1)).tolist() == [2, 3, 9]


def test_table_is_the_variable():
    layer = make()
    tokens, _, _ = filled(layer)
    np.testing.assert_array_equal(layer(np.zeros((1, 1), "int32"), table_only=True), tokens)


def test_dropout_only_while_training():
    token_ids, _ = random_inputs()
    layer = make(dropout=0.5)
    quiet = np.array(layer(token_ids))
    np.testing.assert_array_equal(layer(token_ids, training=False), quiet)
    noisy = np.array(layer(token_ids, training=True))
    dropped = noisy == 0
    assert 0.35 < dropped.mean() < 0.65
    np.testing.assert_allclose(noisy[~dropped], 2 * quiet[~dropped], rtol=1e-6)


def test_dropout_is_seeded():
    token_ids, _ = random_inputs()

    def twice():
        keras.utils.set_random_seed(5)
        layer = make(dropout=0.5)
        return np.array(layer(token_ids, training=True)), np.array(layer(token_ids, training=True))

    first, second = twice()
    again, _ = twice()
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_mixed_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = make()
    token_ids, _ = random_inputs()
    output = layer(token_ids, padding_mask=np.zeros_like(token_ids))
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert {v.dtype for v in layer.trainable_variables} == {"float32"}
    assert np.isfinite(ops.convert_to_numpy(ops.cast(output, "float32"))).all()


def test_symbolic_output_is_the_real_one():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = make()
    for table_only in (False, True):
        symbolic = layer(keras.KerasTensor((BATCH, LENGTH), dtype="int32"), table_only=table_only)
        real = layer(np.zeros((BATCH, LENGTH), "int32"), table_only=table_only)
        assert tuple(symbolic.shape) == tuple(real.shape)
        assert symbolic.dtype == keras.backend.standardize_dtype(real.dtype)


def test_config_round_trip():
    arguments = {
        "vocabulary_size": 31,
        "hidden_dim": 10,
        "max_sequence_length": 13,
        "num_segments": 3,
        "dropout": 0.25,
        "layer_norm_epsilon": 1e-7,
        "initializer_range": 0.03,
    }
    config = TokenAndPositionAndSegmentEmbedding(**arguments, name="words").get_config()
    assert {key: config[key] for key in arguments} == arguments
    assert TokenAndPositionAndSegmentEmbedding.from_config(config).get_config() == config


def test_save_and_load(tmp_path):
    inputs = [keras.Input((None,), dtype="int32") for _ in range(3)]
    model = keras.Model(inputs, make(dropout=0.1)(inputs[0], segment_ids=inputs[1], padding_mask=inputs[2]))
    token_ids, segment_ids = random_inputs()
    batch = [token_ids, segment_ids, np.array([ROWS[name][0] for name in ("whole", "padded", "packed")])]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(batch), model(batch))


@pytest.mark.parametrize("name", ["vocabulary_size", "hidden_dim", "max_sequence_length", "num_segments"])
@pytest.mark.parametrize("value", [0, -2, 3.0, True, None])
def test_sizes_are_checked(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make(**{name: value})


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan"), "0.1"])
def test_dropout_is_checked(value):
    with pytest.raises(ValueError, match="`dropout`"):
        make(dropout=value)


@pytest.mark.parametrize("name", ["layer_norm_epsilon", "initializer_range"])
@pytest.mark.parametrize("value", [0.0, -0.02, "0.02"])
def test_epsilon_and_range_are_checked(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make(**{name: value})
