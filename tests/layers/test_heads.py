"""Pooler and heads: which tokens they read, what they are tied to, and that logits are float32."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_bert import MLMHead, NSPHead
from keras_bert.layers import ClassificationHead, Pooler

BATCH, LENGTH, HIDDEN, VOCABULARY, CLASSES = 3, 7, 12, 29, 5


def states(seed=1, shape=(BATCH, LENGTH, HIDDEN)):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def at(sequence, positions):
    """The vectors at those positions, picked one by one."""
    return np.array([[sequence[b, p] for p in row] for b, row in enumerate(positions)])


def numpy_of(variables):
    return [ops.convert_to_numpy(v).astype("float64") for v in variables]


def randomized(layer, *shapes):
    layer.build(*shapes)
    rng = np.random.default_rng(3)
    for variable in layer.variables:
        variable.assign(variable + rng.normal(size=variable.shape) * 0.3)
    return layer


class TestPooler:
    def test_first_token(self):
        pooler = randomized(Pooler(HIDDEN), (BATCH, LENGTH, HIDDEN))
        kernel, bias = numpy_of(pooler.variables)
        assert kernel.shape == (HIDDEN, HIDDEN) and bias.shape == (HIDDEN,)
        np.testing.assert_allclose(pooler(states()), np.tanh(states()[:, 0] @ kernel + bias), atol=1e-5)

    def test_first_tokens_of_packed_rows(self):
        pooler = randomized(Pooler(HIDDEN), (BATCH, LENGTH, HIDDEN))
        kernel, bias = numpy_of(pooler.variables)
        expected = np.tanh(states() @ kernel + bias)
        np.testing.assert_allclose(pooler(states(), first_only=False), expected, atol=1e-5)

    def test_symbolic_shapes(self):
        sequence = keras.Input((None, HIDDEN))
        assert tuple(Pooler(HIDDEN)(sequence).shape) == (None, HIDDEN)
        assert tuple(Pooler(HIDDEN)(sequence, first_only=False).shape) == (None, None, HIDDEN)

    def test_wrong_width(self):
        with pytest.raises(ValueError, match="hidden_dim"):
            Pooler(HIDDEN)(states(shape=(BATCH, LENGTH, HIDDEN + 1)))


class TestMLMHead:
    positions = np.array([[1, 4], [2, 0], [6, 6]], "int32")
    table = states(2, (VOCABULARY, HIDDEN))

    def make(self, **arguments):
        head = MLMHead(VOCABULARY, HIDDEN, **arguments)
        return randomized(head, (BATCH, LENGTH, HIDDEN), (BATCH, 2), (VOCABULARY, HIDDEN))

    def test_weights(self):
        head = self.make()
        assert head.count_params() == HIDDEN * HIDDEN + HIDDEN + 2 * HIDDEN + VOCABULARY
        assert all(VOCABULARY not in v.shape for v in head.variables if len(v.shape) == 2)  # no table of its own

    @pytest.mark.parametrize("activation", ["gelu", "gelu_tanh"])
    def test_logits(self, activation):
        head = self.make(activation=activation)
        kernel, bias = numpy_of(head.dense.variables)
        gamma, beta = numpy_of(head.layer_norm.variables)
        (output_bias,) = numpy_of([head.bias])
        x = at(states(), self.positions) @ kernel + bias
        x = x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) if activation == "gelu" else (
            0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        )  # fmt: skip
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * gamma + beta
        logits = head(states(), self.positions, self.table)
        np.testing.assert_allclose(logits, x @ self.table.T + output_bias, atol=2e-5)

    def test_epsilon(self):
        head = MLMHead(VOCABULARY, HIDDEN, activation="linear")
        head.build((BATCH, LENGTH, HIDDEN), (BATCH, 2), (VOCABULARY, HIDDEN))
        head.dense.kernel.assign(np.eye(HIDDEN))
        x = at(1e-6 * states(), self.positions).astype("float64")
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        logits = head(1e-6 * states(), self.positions, self.table)
        np.testing.assert_allclose(logits, x @ self.table.T, atol=1e-3)

    def test_tied_to_the_table(self):
        """Twice the table, twice the logits but for the bias."""
        head = self.make()
        bias = ops.convert_to_numpy(head.bias)
        once = np.array(head(states(), self.positions, self.table)) - bias
        twice = np.array(head(states(), self.positions, 2 * self.table)) - bias
        np.testing.assert_allclose(twice, 2 * once, atol=1e-4)

    def test_reads_only_its_positions(self):
        head, changed = self.make(), states()
        changed[0, [0, 2, 3, 5, 6]] += 1.0
        before = head(states(), self.positions, self.table)
        np.testing.assert_allclose(head(changed, self.positions, self.table), before, atol=1e-6)

    def test_no_positions(self):
        logits = self.make()(states(), np.zeros((BATCH, 0), "int32"), self.table)
        assert tuple(logits.shape) == (BATCH, 0, VOCABULARY)

    def test_float32_logits_under_mixed_bfloat16(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        head = self.make()
        logits = head(states(), self.positions, self.table)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        assert {v.dtype for v in head.trainable_variables} == {"float32"}

    def test_wrong_table(self):
        with pytest.raises(ValueError, match="token_table"):
            MLMHead(VOCABULARY, HIDDEN)(states(), self.positions, self.table[:-1])

    def test_wrong_width(self):
        with pytest.raises(ValueError):
            MLMHead(VOCABULARY, HIDDEN)(states(shape=(BATCH, LENGTH, HIDDEN + 1)), self.positions, self.table)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"vocabulary_size": 0},
            {"vocabulary_size": 29.0},
            {"hidden_dim": -1},
            {"hidden_dim": True},
            {"activation": "no_such_activation"},
            {"initializer_range": 0},
            {"layer_norm_epsilon": -1.0},
        ],
    )
    def test_bad_arguments(self, arguments):
        (name,) = arguments
        with pytest.raises(ValueError, match=name):
            MLMHead(**{"vocabulary_size": VOCABULARY, "hidden_dim": HIDDEN, **arguments})


class TestClassificationHead:
    @pytest.mark.parametrize("shape", [(BATCH, HIDDEN), (BATCH, LENGTH, HIDDEN)])
    def test_logits(self, shape):
        head = randomized(ClassificationHead(CLASSES), shape)
        kernel, bias = numpy_of(head.dense.variables)
        np.testing.assert_allclose(head(states(shape=shape)), states(shape=shape) @ kernel + bias, atol=1e-5)

    def test_dropout_only_while_training_and_seeded(self):
        def outputs():
            keras.utils.set_random_seed(5)
            head = ClassificationHead(CLASSES, dropout=0.5, initializer_range=1.0)
            return [np.array(head(states(), training=training)) for training in (False, True, True)]

        quiet, first, second = outputs()
        assert np.abs(first - quiet).max() > 0.1 and np.abs(first - second).max() > 0.1
        np.testing.assert_array_equal(outputs()[1], first)

    def test_float32_under_mixed_bfloat16(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        head = ClassificationHead(CLASSES)
        logits = head(ops.cast(states(), "bfloat16"))
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        assert {v.dtype for v in head.trainable_variables} == {"float32"}

    @pytest.mark.parametrize("num_classes", [0, -1, 2.0, True, None, "2"])
    def test_bad_number(self, num_classes):
        with pytest.raises(ValueError, match="`num_classes`"):
            ClassificationHead(num_classes)

    @pytest.mark.parametrize("arguments", [{"dropout": 1.0}, {"dropout": -0.1}, {"initializer_range": 0.0}])
    def test_bad_rate_and_range(self, arguments):
        (name,) = arguments
        with pytest.raises(ValueError, match=f"`{name}`"):
            ClassificationHead(2, **arguments)


class TestNSPHead:
    def test_two_logits(self):
        head = randomized(NSPHead(), (BATCH, 2, HIDDEN))
        kernel, bias = numpy_of(head.variables)
        assert kernel.shape == (HIDDEN, 2)
        pooled = states(shape=(BATCH, 2, HIDDEN))
        np.testing.assert_allclose(head(pooled, training=True), pooled @ kernel + bias, atol=1e-5)

    def test_bad_range(self):
        with pytest.raises(ValueError, match="`initializer_range`"):
            NSPHead(initializer_range=-0.02)


CONFIGS = [
    (Pooler, {"hidden_dim": 13, "initializer_range": 0.03}),
    (
        MLMHead,
        {
            "vocabulary_size": 31,
            "hidden_dim": 13,
            "activation": "gelu_tanh",
            "layer_norm_epsilon": 1e-7,
            "initializer_range": 0.03,
        },
    ),
    (ClassificationHead, {"num_classes": 3, "dropout": 0.25, "initializer_range": 0.03}),
    (NSPHead, {"initializer_range": 0.03}),
]


@pytest.mark.parametrize("kind, arguments", CONFIGS)
def test_config_round_trip(kind, arguments):
    config = kind(**arguments, name="head").get_config()
    assert {key: config[key] for key in arguments} == arguments
    assert kind.from_config(config).get_config() == config


def wrapped(kind):
    sequence = keras.Input((None, HIDDEN))
    positions, table = keras.Input((None,), dtype="int32"), keras.Input(batch_shape=(VOCABULARY, HIDDEN))
    if kind == "pooler":
        return keras.Model(sequence, Pooler(HIDDEN)(sequence)), states()
    if kind == "packed pooler":
        return keras.Model(sequence, Pooler(HIDDEN)(sequence, first_only=False)), states()
    if kind == "mlm":
        inputs = [sequence, positions, table]
        output = MLMHead(VOCABULARY, HIDDEN, activation="gelu_tanh")(*inputs)
        return keras.Model(inputs, output), [states(), TestMLMHead.positions, TestMLMHead.table]
    if kind == "classification":
        return keras.Model(sequence, ClassificationHead(2)(sequence)), states()
    return keras.Model(sequence, NSPHead()(sequence)), states()


@pytest.mark.parametrize("kind", ["pooler", "packed pooler", "mlm", "classification", "nsp"])
def test_save_and_load(tmp_path, kind):
    model, batch = wrapped(kind)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(batch), model(batch))
