"""The encoder layer: attention worked out by hand, an independent reference, and who sees whom."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_bert import TransformerEncoder

BATCH, LENGTH, HIDDEN, HEADS, INTERMEDIATE = 3, 7, 12, 4, 37
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [1, 1, 2, 2, 2, 3, 0]], "int32")


def make(**overrides):
    arguments = {
        "hidden_dim": HIDDEN,
        "num_heads": HEADS,
        "intermediate_dim": INTERMEDIATE,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "initializer_range": 0.5,  # wide, so that softmax and activation leave their linear range
    }
    return TransformerEncoder(**{**arguments, **overrides})


def states(seed=1, shape=(BATCH, LENGTH, HIDDEN)):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomized(layer, seed=3):
    """Builds the layer and gives biases and normalizations values that show."""
    layer.build((BATCH, LENGTH, HIDDEN))
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        if len(variable.shape) == 1:
            variable.assign(variable + rng.normal(size=variable.shape) * 0.3)
    return layer


def normalized(x, gamma=1.0, beta=0.0, epsilon=1e-12):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon) * gamma + beta


ACTIVATIONS = {
    "gelu": np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}


def reference(layer, x, mask, activation="gelu", epsilon=1e-12):
    """The layer in float64, one row, one head and one token at a time."""
    x = x.astype("float64")
    weights = lambda part: [ops.convert_to_numpy(v).astype("float64") for v in part.variables]  # noqa: E731
    kernel, bias = weights(layer.query_key_value)
    width = HIDDEN // HEADS
    gathered = np.zeros_like(x)
    for b in range(len(x)):
        for h in range(HEADS):
            columns = slice(h * width, (h + 1) * width)
            query, key, value = [
                x[b] @ kernel[:, part * HIDDEN :][:, columns] + bias[part * HIDDEN :][columns] for part in range(3)
            ]
            for t in range(x.shape[1]):
                seen = [s for s in range(x.shape[1]) if mask[b, s] == mask[b, t]]
                scores = np.array([query[t] @ key[s] / math.sqrt(width) for s in seen])
                shares = np.exp(scores - scores.max())
                gathered[b, t, columns] = shares / shares.sum() @ value[seen]
    kernel, bias = weights(layer.attention_output)
    x = normalized(x + gathered @ kernel + bias, *weights(layer.attention_layer_norm), epsilon)
    (kernel, bias), (kernel_2, bias_2) = weights(layer.feedforward_intermediate), weights(layer.feedforward_output)
    transformed = ACTIVATIONS[activation](x @ kernel + bias) @ kernel_2 + bias_2
    return normalized(x + transformed, *weights(layer.feedforward_layer_norm), epsilon)


def test_weights():
    layer = make()
    layer.build((BATCH, LENGTH, HIDDEN))
    d, i = HIDDEN, INTERMEDIATE
    shapes = sorted(tuple(v.shape) for v in layer.trainable_variables)
    assert shapes == sorted([(d, 3 * d), (3 * d,), (d, d), (d,), (d,), (d,), (d, i), (i,), (i, d), (d,), (d,), (d,)])
    assert layer.count_params() == (d * 3 * d + 3 * d) + (d * d + d) + (d * i + i) + (i * d + d) + 4 * d


def test_starts_from_a_truncated_normal():
    layer = TransformerEncoder(hidden_dim=60, num_heads=4, intermediate_dim=70)
    layer.build((None, None, 60))
    for variable in layer.trainable_variables:
        value = ops.convert_to_numpy(variable)
        if value.ndim == 2:
            assert np.abs(value).max() <= 0.04 + 1e-6
            assert np.std(value) == pytest.approx(0.88 * 0.02, rel=0.05)
        else:
            assert set(value) == ({1.0} if "gamma" in variable.path else {0.0})


def test_one_head_by_hand():
    """Query, key and value are the tokens themselves; the feed-forward adds nothing."""
    layer = TransformerEncoder(hidden_dim=3, num_heads=1, intermediate_dim=2, dropout=0.0, attention_dropout=0.0)
    layer.build((1, 3, 3))
    layer.query_key_value.kernel.assign(np.tile(np.eye(3), (1, 3)))
    layer.attention_output.kernel.assign(np.eye(3))
    layer.feedforward_output.kernel.assign(np.zeros((2, 3)))
    x = np.array([[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [9.0, 9.0, 9.0]]], "float32")
    # Scores over sqrt(3): the first token gives itself 1 and the second 0; the second gives itself 4 and the first 0.
    # The third is padding.
    first = math.exp(1 / math.sqrt(3)) / (math.exp(1 / math.sqrt(3)) + 1)  # 0.6405
    second = math.exp(4 / math.sqrt(3)) / (math.exp(4 / math.sqrt(3)) + 1)  # 0.9097
    attended = np.array([[1 + first, 2 * (1 - first), 0.0], [1 - second, 2 + 2 * second, 0.0]])
    output = layer(x, padding_mask=np.array([[1, 1, 0]]))
    np.testing.assert_allclose(output[0, :2], normalized(attended), atol=1e-5)


@pytest.mark.parametrize("attention_dropout", [0.0, 1e-9])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equals_the_reference(activation, attention_dropout):
    layer = randomized(make(activation=activation, attention_dropout=attention_dropout))
    x = states()
    output = layer(x, padding_mask=MASK, training=True)
    np.testing.assert_allclose(output, reference(layer, x, MASK, activation), atol=1e-5)


def test_gelu_is_exact():
    layer, x = randomized(make()), states()
    gap = np.abs(reference(layer, x, MASK, "gelu") - reference(layer, x, MASK, "gelu_tanh")).max()
    assert gap > 1e-4  # so that the reference tells them apart
    assert TransformerEncoder(HIDDEN, HEADS, INTERMEDIATE).get_config()["activation"] == "gelu"


@pytest.mark.parametrize("epsilon", [1e-12, 1e-9])
def test_epsilon_of_both_normalizations(epsilon):
    layer = make(layer_norm_epsilon=epsilon, initializer_range=0.02)
    layer.build((BATCH, LENGTH, HIDDEN))
    x = 1e-6 * states()  # a variance near 1e-12: any other epsilon shows
    layer.attention_layer_norm.gamma.assign(np.full(HIDDEN, 1e-6))
    output = layer(x, padding_mask=MASK)
    np.testing.assert_allclose(output, reference(layer, x, MASK, epsilon=epsilon), atol=1e-4)


def test_without_mask_all_are_seen():
    layer, x = make(), states()
    np.testing.assert_allclose(layer(x), layer(x, padding_mask=np.ones((BATCH, LENGTH), "int32")), atol=1e-6)


@pytest.mark.parametrize("attention_dropout", [0.0, 1e-9])
def test_who_sees_whom(attention_dropout):
    """Changing one token changes exactly the tokens with the same mask value."""
    layer, x = make(attention_dropout=attention_dropout), states()
    before = np.array(layer(x, padding_mask=MASK, training=True))
    for s in range(LENGTH):
        changed = x.copy()
        changed[:, s] += 1.0
        after = np.array(layer(changed, padding_mask=MASK, training=True))
        moved = np.abs(after - before).max(axis=-1) > 1e-6
        np.testing.assert_array_equal(moved, MASK[:, s : s + 1] == MASK)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("attention_dropout", [0.0, 0.2])
def test_fully_padded_rows_are_finite(policy, attention_dropout):
    import tensorflow as tf

    keras.config.set_dtype_policy(policy)
    layer = make(attention_dropout=attention_dropout)
    x = tf.constant(states())
    mask = np.array([[0] * 7, [1] * 7, [0] * 7])
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = tf.cast(layer(x, padding_mask=mask, training=True), "float32")
        loss = tf.reduce_sum(output**3)
    assert np.isfinite(output).all()
    gradients = tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])
    assert len(gradients) == 13
    for gradient in gradients:
        assert np.isfinite(gradient).all()


def test_mixed_bfloat16():
    full = make()
    full.build((BATCH, LENGTH, HIDDEN))
    half = make(dtype="mixed_bfloat16")
    half.build((BATCH, LENGTH, HIDDEN))
    half.set_weights(full.get_weights())
    output = half(states(), padding_mask=MASK)
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert {v.dtype for v in half.trainable_variables} == {"float32"}
    np.testing.assert_allclose(ops.cast(output, "float32"), full(states(), padding_mask=MASK), atol=0.15)


@pytest.fixture
def fused(monkeypatch):
    """Attention as on JAX and torch, which have fused kernels; the list gets an entry for each use of them."""
    original, seen = ops.dot_product_attention, []

    def counting(*args, **kwargs):
        seen.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(keras.ops, "dot_product_attention", counting)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    return seen


@pytest.mark.parametrize(
    "attention_dropout, training, calls", [(0.3, False, 1), (0.3, None, 1), (0.0, True, 1), (0.3, True, 0)]
)
def test_goes_through_fused_kernels(fused, attention_dropout, training, calls):
    """Also with `dropout` on: only dropping attention weights needs the long way."""
    make(dropout=0.1, attention_dropout=attention_dropout)(states(), padding_mask=MASK, training=training)
    assert len(fused) == calls


@pytest.mark.parametrize("positions", [None, 2, np.array([[0, 4], [3, 3], [5, 0]], "int32")])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("mixed_bfloat16", 0.1)])
def test_all_ways_through_attention_agree(request, dtype, tolerance, positions):
    layer, x = randomized(make(attention_dropout=1e-9, dtype=dtype)), states()
    arguments = {"padding_mask": MASK, "positions": positions}
    here = np.array(ops.cast(layer(x, **arguments, training=False), "float32"))
    request.getfixturevalue("fused")
    short = np.array(ops.cast(layer(x, **arguments, training=False), "float32"))
    np.testing.assert_allclose(here, short, atol=tolerance)
    # Uniform bfloat16 numbers are exactly 0, and so below any rate, once in 128: a few weights are dropped.
    long = np.array(ops.cast(layer(x, **arguments, training=True), "float32"))
    assert np.abs(long - short).mean() < tolerance


@pytest.mark.parametrize("positions", [0, 6, [[0, 4], [3, 3], [5, 0]], [[]] * BATCH])
def test_vectors_at_positions_are_those_of_all(positions):
    """The other tokens are seen all the same, but no vectors are made of them."""
    layer = randomized(make())
    all_tokens = np.array(layer(states(), padding_mask=MASK))
    if not isinstance(positions, int):
        positions = np.array(positions, "int32")
    rows = np.arange(BATCH)[:, None]
    columns = np.full((BATCH, 1), positions) if isinstance(positions, int) else positions
    np.testing.assert_allclose(
        layer(states(), padding_mask=MASK, positions=positions), all_tokens[rows, columns], atol=1e-5
    )
    seen = []
    layer.feedforward_intermediate.call = lambda x: seen.append(tuple(x.shape)) or np.zeros((len(x), INTERMEDIATE))
    layer(states(), padding_mask=MASK, positions=positions)
    assert seen == [(columns.size, HIDDEN)]


def test_a_position_outside_of_its_row_is_nan():
    output = np.array(make()(states(), padding_mask=MASK, positions=np.array([[0, 7], [-1, 1], [2, 3]], "int32")))
    assert np.isnan(output).any(-1).tolist() == [[False, True], [True, False], [False, False]]


def test_attention_dropout_keeps_the_mean():
    """All values are 1, so a token gathers the sum of its weights: 1 on average, at every rate."""
    layer = TransformerEncoder(hidden_dim=4, num_heads=2, intermediate_dim=3, dropout=0.0, attention_dropout=0.5)
    layer.build((64, 33, 4))
    layer.query_key_value.kernel.assign(np.zeros((4, 12)))
    layer.query_key_value.bias.assign([0.0] * 8 + [1.0] * 4)
    gathered = []
    layer.attention_output.call = lambda x, **_: gathered.append(np.array(x)) or x
    layer(np.zeros((64, 33, 4), "float32"), training=True)
    assert gathered[0].mean() == pytest.approx(1, abs=0.02)
    assert gathered[0].std() == pytest.approx(33**-0.5, rel=0.1)  # of a sum of 33 draws of 0 or 2/33


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_dropout_only_while_training_and_seeded(rates):
    x = states()

    def outputs():
        keras.utils.set_random_seed(5)
        layer = make(**rates)
        return [np.array(layer(x, padding_mask=MASK, training=training)) for training in (False, True, True, False)]

    quiet, first, second, quiet_again = outputs()
    np.testing.assert_array_equal(quiet, quiet_again)
    assert np.abs(first - quiet).max() > 1e-3 and np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(outputs()[1], first)


def test_length_and_batch_are_free():
    layer = make()
    layer.build((None, None, HIDDEN))
    for shape in [(1, 1, HIDDEN), (5, 2, HIDDEN), (2, 19, HIDDEN)]:
        assert tuple(layer(states(shape=shape), padding_mask=np.ones(shape[:2], "int32")).shape) == shape


def test_symbolic_shape():
    output = make()(keras.Input((None, HIDDEN)), padding_mask=keras.Input((None,), dtype="int32"))
    assert tuple(output.shape) == (None, None, HIDDEN)


def test_config_round_trip():
    arguments = {
        "hidden_dim": 15,
        "num_heads": 5,
        "intermediate_dim": 41,
        "dropout": 0.25,
        "attention_dropout": 0.35,
        "activation": "gelu_tanh",
        "layer_norm_epsilon": 1e-7,
        "initializer_range": 0.03,
    }
    config = TransformerEncoder(**arguments, name="first").get_config()
    assert {key: config[key] for key in arguments} == arguments
    assert TransformerEncoder.from_config(config).get_config() == config


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
def test_save_and_load(tmp_path, activation):
    inputs = [keras.Input((None, HIDDEN)), keras.Input((None,), dtype="int32")]
    layer = make(activation=activation, attention_dropout=0.1, dropout=0.1)
    model = keras.Model(inputs, layer(inputs[0], padding_mask=inputs[1]))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded([states(), MASK]), model([states(), MASK]))


@pytest.mark.parametrize("name", ["hidden_dim", "num_heads", "intermediate_dim"])
@pytest.mark.parametrize("value", [0, -4, 4.0, True, None])
def test_sizes_are_checked(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make(**{name: value})


@pytest.mark.parametrize("name", ["dropout", "attention_dropout"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan"), "0.1"])
def test_rates_are_checked(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make(**{name: value})


@pytest.mark.parametrize("name", ["layer_norm_epsilon", "initializer_range"])
@pytest.mark.parametrize("value", [0.0, -0.02, "0.02"])
def test_epsilon_and_range_are_checked(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make(**{name: value})


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="num_heads=5, hidden_dim=12"):
        make(num_heads=5)


@pytest.mark.parametrize("activation", ["no_such_activation", 5, None, keras.activations.relu])
def test_unknown_activation(activation):
    with pytest.raises(ValueError, match="activation"):
        make(activation=activation)


def test_wrong_width():
    with pytest.raises(ValueError, match="hidden_dim=12"):
        make()(np.zeros((BATCH, LENGTH, HIDDEN + 1), "float32"))


@pytest.mark.parametrize("shape", [(BATCH, HIDDEN), (HIDDEN,), (BATCH, LENGTH, 2, HIDDEN)])
def test_wrong_rank(shape):
    with pytest.raises(ValueError):
        make()(np.zeros(shape, "float32"))
