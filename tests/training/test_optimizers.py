"""AdamW, LAMB and their schedule: worked by hand, against other code, on both backends, under compile and fit."""

import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_bert
from keras_bert.training import optimizers as optimization
from keras_bert.training.optimizers import LAMB, AdamW, WarmupPolynomialDecay

SHAPES = ((5, 3), (3,), (7, 2, 3))


def apply(optimizer, steps=6):
    """optimizer -> the variables after some steps along fixed gradients."""
    generator = np.random.default_rng(0)
    variables = [keras.Variable(generator.normal(size=shape).astype("float32")) for shape in SHAPES]
    for _ in range(steps):
        gradients = [ops.convert_to_tensor(generator.normal(size=shape).astype("float32")) for shape in SHAPES]
        optimizer.apply(gradients, variables)
    return [variable.numpy() for variable in variables]


def test_adamw_follows_its_formula():
    rate, decay, beta_1, beta_2, epsilon, clip = 0.05, 0.3, 0.8, 0.95, 1e-3, 0.7
    generator = np.random.default_rng(0)
    expected = [generator.normal(size=shape).astype("float32").astype("float64") for shape in SHAPES]
    first = [np.zeros(shape) for shape in SHAPES]
    second = [np.zeros(shape) for shape in SHAPES]
    for step in range(1, 7):
        gradients = [generator.normal(size=shape).astype("float32").astype("float64") for shape in SHAPES]
        norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
        for i, gradient in enumerate(gradients):
            gradient = gradient * min(1, clip / norm)
            first[i] = beta_1 * first[i] + (1 - beta_1) * gradient
            second[i] = beta_2 * second[i] + (1 - beta_2) * gradient**2
            alpha = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
            decayed = rate * decay * expected[i] if expected[i].ndim > 1 else 0
            expected[i] = expected[i] - decayed - alpha * first[i] / (np.sqrt(second[i]) + epsilon)
    actual = apply(AdamW(rate, decay, beta_1, beta_2, epsilon, clip))
    for mine, reference in zip(actual, expected, strict=True):
        np.testing.assert_allclose(mine, reference, atol=2e-6)


@pytest.mark.parametrize("kind", [AdamW, LAMB])
@pytest.mark.parametrize("clip", [None, 0.5, 1e6])
def test_the_compiled_update_is_the_plain_one(kind, clip, monkeypatch):
    made = []
    fused_update = optimization._fused_update
    monkeypatch.setattr(optimization, "_fused_update", lambda *constants: made.append(0) or fused_update(*constants))
    compiled = apply(kind(0.02, weight_decay=0.1, global_clipnorm=clip))
    assert len(made) == (0 if sys.platform == "darwin" else 6)
    monkeypatch.setattr(kind, "_can_fuse", lambda self: False)
    plain = apply(kind(0.02, weight_decay=0.1, global_clipnorm=clip))
    assert len(made) == (0 if sys.platform == "darwin" else 6)
    for mine, reference in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(mine, reference, atol=1e-6)


@pytest.mark.parametrize("kind", [AdamW, LAMB])
@pytest.mark.parametrize("fused", [True, False])
def test_a_row_looked_up_twice_has_one_gradient(kind, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr(kind, "_can_fuse", lambda self: False)
    rows = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    dense = np.zeros((5, 2), "float32")
    np.add.at(dense, [1, 1, 4], rows)
    tables = []
    for gradient in (tf.IndexedSlices(tf.constant(rows), tf.constant([1, 1, 4]), (5, 2)), tf.constant(dense)):
        table = keras.Variable(np.ones((5, 2), "float32"))
        optimizer = kind(0.1, global_clipnorm=0.5)
        optimizer.apply([gradient], [table])
        tables += [table.numpy(), optimizer._velocities[0].numpy()]
    np.testing.assert_allclose(tables[0], tables[2], atol=1e-6)
    np.testing.assert_allclose(tables[1], tables[3], atol=1e-7)


def test_one_optimizer_after_the_other():
    first = apply(AdamW(0.02))
    assert all((mine == other).all() for mine, other in zip(first, apply(AdamW(0.02)), strict=True))


@pytest.mark.parametrize("argument", [{"amsgrad": True}, {"use_ema": True}, {"gradient_accumulation_steps": 2}])
def test_unusual_options_take_keras_path(argument):
    optimizer = AdamW(0.02, **argument)
    apply(optimizer)
    assert not optimizer._can_fuse()


def test_decay_spares_vectors():
    variables = [keras.Variable(np.ones(shape, "float32")) for shape in SHAPES]
    AdamW(0.1, weight_decay=0.5).apply([ops.zeros(shape) for shape in SHAPES], variables)
    assert [float(variable.numpy().max()) for variable in variables] == pytest.approx([0.95, 1.0, 0.95])


def test_excluded_names_are_spared_too():
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["table"])
    variables = [keras.Variable(np.ones((2, 3), "float32"), name=name) for name in ("kernel", "table")]
    optimizer.apply([ops.zeros((2, 3))] * 2, variables)
    assert [float(variable.numpy().max()) for variable in variables] == pytest.approx([0.95, 1.0])


def lamb_reference(variables, gradients, rate, decay, beta_1, beta_2, epsilon, clip):
    """Float64 arrays, a list of gradients a step -> the arrays after them, by algorithm 2 of You et al."""
    variables = [variable.astype("float64") for variable in variables]
    first, second = ([np.zeros(variable.shape) for variable in variables] for _ in range(2))
    for step, of_step in enumerate(gradients, start=1):
        norm = np.sqrt(sum((gradient.astype("float64") ** 2).sum() for gradient in of_step))
        for i, gradient in enumerate(of_step):
            gradient = gradient.astype("float64") * min(1, clip / norm)
            first[i] = beta_1 * first[i] + (1 - beta_1) * gradient
            second[i] = beta_2 * second[i] + (1 - beta_2) * gradient**2
            direction = first[i] / (1 - beta_1**step) / (np.sqrt(second[i] / (1 - beta_2**step)) + epsilon)
            ratio = 1.0
            if variables[i].ndim > 1:
                direction = direction + decay * variables[i]
                norms = np.linalg.norm(variables[i].ravel()), np.linalg.norm(direction.ravel())
                ratio = norms[0] / norms[1] if all(norms) else 1.0
            variables[i] = variables[i] - rate * ratio * direction
    return variables


@pytest.mark.parametrize("fused", [True, False])
def test_lamb_by_hand(fused, monkeypatch):
    """Three steps. The gradients' norm is 10, then 5, then 2.5: clipped to 5, they are half, whole and whole."""
    if not fused:
        monkeypatch.setattr(LAMB, "_can_fuse", lambda self: False)
    matrix, vector = keras.Variable([[3.0, -4.0]]), keras.Variable([1.0])
    optimizer = LAMB(0.1, weight_decay=0.5, beta_1=0.5, beta_2=0.5, epsilon=1.0, global_clipnorm=5.0)

    # Clipped: [[0, 3]], [4]. Corrected moments: the gradient and its square; directions 3 / (3 + 1) and 4 / (4 + 1).
    optimizer.apply([ops.array([[0.0, 6.0]]), ops.array([8.0])], [matrix, vector])
    direction = np.array([[0 + 0.5 * 3, 3 / 4 + 0.5 * -4]])
    first = np.array([[3.0, -4.0]]) - 0.1 * 5 / np.linalg.norm(direction) * direction
    np.testing.assert_allclose(matrix.numpy(), first, rtol=1e-6)
    np.testing.assert_allclose(vector.numpy(), [1 - 0.1 * 0.8], rtol=1e-6)

    # Moments, weighted by age 1 : 2, of (0, 3) and (3, 0); of (4, 4).
    optimizer.apply([ops.array([[3.0, 0.0]]), ops.array([4.0])], [matrix, vector])
    direction = np.array([[2 / (6**0.5 + 1), 1 / (3**0.5 + 1)]]) + 0.5 * first
    second = first - 0.1 * np.linalg.norm(first) / np.linalg.norm(direction) * direction
    np.testing.assert_allclose(matrix.numpy(), second, rtol=1e-6)
    np.testing.assert_allclose(vector.numpy(), [1 - 0.1 * 1.6], rtol=1e-6)

    # Weights 1 : 2 : 4, of (0, 3, 2.5) and (3, 0, 0); of (4, 4, 0).
    optimizer.apply([ops.array([[2.5, 0.0]]), ops.array([0.0])], [matrix, vector])
    direction = np.array([[16 / 7 / ((43 / 7) ** 0.5 + 1), 3 / 7 / ((9 / 7) ** 0.5 + 1)]]) + 0.5 * second
    third = second - 0.1 * np.linalg.norm(second) / np.linalg.norm(direction) * direction
    np.testing.assert_allclose(matrix.numpy(), third, rtol=1e-6)
    np.testing.assert_allclose(vector.numpy(), [1 - 0.16 - 0.1 * 12 / 7 / ((48 / 7) ** 0.5 + 1)], rtol=1e-6)


def test_lamb_follows_its_paper_over_a_model(small_config):
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 3)
    constants = (0.02, 0.1, 0.8, 0.95, 1e-3, 0.7)
    optimizer, variables = LAMB(*constants), model.trainable_variables
    before = [variable.numpy() for variable in variables]
    ids = np.random.default_rng(0).integers(0, small_config.vocabulary_size, (3, 7))
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.ones_like(ids)}
    seen = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            logits = model(inputs)
            loss = ops.mean(keras.losses.sparse_categorical_crossentropy(np.arange(3), logits, from_logits=True))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        seen.append([tf.convert_to_tensor(gradient).numpy() for gradient in gradients])
        optimizer.apply(gradients, variables)
    for variable, reference in zip(variables, lamb_reference(before, seen, *constants), strict=True):
        np.testing.assert_allclose(variable.numpy(), reference, atol=3e-6, err_msg=variable.path)


@pytest.mark.parametrize("fused", [True, False])
def test_lamb_of_norms_that_are_zero(fused, monkeypatch):
    if not fused:
        monkeypatch.setattr(LAMB, "_can_fuse", lambda self: False)
    empty, still = keras.Variable(np.zeros((3, 2), "float32")), keras.Variable(np.ones((3, 2), "float32"))
    optimizer = LAMB(0.1, weight_decay=0.0, global_clipnorm=None)
    optimizer.apply([ops.ones((3, 2)), ops.zeros((3, 2))], [empty, still])
    np.testing.assert_allclose(empty.numpy(), np.full((3, 2), -0.1), rtol=1e-4)
    np.testing.assert_array_equal(still.numpy(), np.ones((3, 2)))


def test_lamb_spares_what_is_excluded():
    optimizer = LAMB(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["table"])
    variables = [keras.Variable(np.full((2, 3), 7.0, "float32"), name=name) for name in ("kernel", "table")]
    optimizer.apply([ops.zeros((2, 3))] * 2, variables)
    # The kernel's direction is its decay, made as long as the kernel is.
    assert [float(variable.numpy().max()) for variable in variables] == pytest.approx([7 * 0.9, 7.0])


def test_lamb_accumulates_gradients():
    generator = np.random.default_rng(0)
    start = [generator.normal(size=shape).astype("float32") for shape in SHAPES]
    halves = [[generator.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(4)]
    variables = [keras.Variable(value) for value in start]
    optimizer = LAMB(0.02, gradient_accumulation_steps=2)
    for gradients in halves:
        optimizer.apply([ops.array(gradient) for gradient in gradients], variables)
    means = [[(a + b) / 2 for a, b in zip(*halves[i : i + 2], strict=True)] for i in (0, 2)]
    expected = lamb_reference(start, means, 0.02, 0.01, 0.9, 0.999, 1e-6, 1.0)
    for variable, reference in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), reference, atol=2e-6)


@pytest.mark.parametrize("kind", [AdamW, LAMB])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_variables_of_half_the_bits_are_refused(kind, dtype):
    variables = [keras.Variable(np.ones((3, 2)), dtype=each) for each in ("float32", dtype)]
    with pytest.raises(ValueError, match=rf'Received: weights of {dtype}\. .*"mixed_{dtype}"'):
        kind().build(variables)


@pytest.mark.parametrize("kind", [AdamW, LAMB])
def test_variables_of_several_types_are_clipped_together(kind):
    variables = [keras.Variable(np.ones((3, 2)), dtype=dtype) for dtype in ("float32", "float64")]
    gradients = [ops.ones((3, 2), dtype) for dtype in ("float32", "float64")]
    kind(0.1, weight_decay=0.0, global_clipnorm=0.01, epsilon=1e-9).apply(gradients, variables)
    for variable in variables:
        np.testing.assert_allclose(variable.numpy(), np.full((3, 2), 0.9), rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_lamb_under_a_strategy(monkeypatch, fused):
    """The compiled update, and Keras's own path."""
    if not fused:
        monkeypatch.setattr(LAMB, "_can_fuse", lambda self: False)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    with strategy.scope():
        variable = keras.Variable([[3.0, -4.0]])
        optimizer = LAMB(0.1, weight_decay=0.5)
        optimizer.build([variable])
        assert optimizer._can_fuse() is fused
        strategy.run(lambda: optimizer.apply([ops.zeros((1, 2))]))
    np.testing.assert_allclose(variable.numpy(), [[2.7, -3.6]], rtol=1e-6)


def test_lamb_comes_back_from_its_config():
    arguments = {"learning_rate": 0.25, "weight_decay": 0.5, "beta_1": 0.75, "beta_2": 0.875, "epsilon": 0.125}
    optimizer = LAMB(**arguments, global_clipnorm=2.0, name="big")
    config = optimizer.get_config()
    assert LAMB.from_config(config).get_config() == config
    assert "amsgrad" not in config
    assert arguments.items() <= config.items() and config["global_clipnorm"] == 2.0
    schedule = WarmupPolynomialDecay(1.0, 10, 2, 2.0, 0.5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(LAMB(schedule)))
    assert again._learning_rate.get_config() == schedule.get_config()


def test_lamb_has_no_amsgrad():
    with pytest.raises(ValueError, match="leave it out, or use AdamW"):
        LAMB(amsgrad=True)


JAX = """
import sys
import jax, keras, numpy as np
from keras_bert.training.optimizers import LAMB

assert keras.backend.backend() == "jax"
data = np.load(sys.argv[1])
start, gradients = ([data[f"{name}{i}"] for i in range(3)] for name in ("start", "gradient"))
variables = [keras.Variable(value) for value in start]
optimizer = LAMB(0.02, weight_decay=0.1)
optimizer.build(variables)
step = jax.jit(optimizer.stateless_apply)
state = [variable.value for variable in optimizer.variables]
values = [variable.value for variable in variables]
for _ in range(3):
    values, state = step(state, gradients, values)
assert "tensorflow" not in sys.modules
np.savez(sys.argv[1], *values)
"""


def test_lamb_under_jax(tmp_path):
    generator = np.random.default_rng(0)
    start, gradients = ([generator.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(2))
    named = {f"{name}{i}": of[i] for name, of in (("start", start), ("gradient", gradients)) for i in range(3)}
    np.savez(tmp_path / "data.npz", **named)
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", JAX, str(tmp_path / "data.npz")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    expected = lamb_reference(start, [gradients] * 3, 0.02, 0.1, 0.9, 0.999, 1e-6, 1.0)
    for mine, reference in zip(np.load(tmp_path / "data.npz").values(), expected, strict=True):
        np.testing.assert_allclose(mine, reference, atol=2e-6)


def test_schedule_rises_and_falls():
    schedule = WarmupPolynomialDecay(2.0, total_steps=10, warmup_steps=4)
    rates = [float(schedule(step)) for step in range(12)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 5 / 3, 4 / 3, 1.0, 2 / 3, 1 / 3, 0, 0])


def test_schedule_without_warmup_starts_at_its_peak():
    assert float(WarmupPolynomialDecay(3.0, total_steps=4)(0)) == 3.0


def test_schedule_falls_by_a_power_to_its_end():
    schedule = WarmupPolynomialDecay(2.0, total_steps=10, warmup_steps=4, power=2, end_learning_rate=0.2)
    left = [1, 25 / 36, 4 / 9, 1 / 4, 1 / 9, 1 / 36, 0, 0]  # squares of 6, 5, ... sixths
    rates = [float(schedule(step)) for step in range(12)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0] + [0.2 + 1.8 * share for share in left])
    again = WarmupPolynomialDecay.from_config(schedule.get_config())
    assert [float(again(step)) for step in range(12)] == rates


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 10, 2), "peak_learning_rate"),
        ((1.0, 0, 0), "total_steps"),
        ((1.0, 10, 11), "warmup_steps"),
        ((1.0, 10, -1), "warmup_steps"),
        ((1.0, 10, 0.1), "steps, not a share"),
        ((1.0, 10, 2, 0.0), "`power` must be a finite number greater than 0"),
        ((1.0, 10, 2, "linear"), "power"),
        ((0.5, 10, 2, 1.0, 0.6), "between 0 and peak_learning_rate=0.5: a rate, not a share of the peak"),
        ((1.0, 10, 2, 1.0, -0.1), "end_learning_rate=-0.1"),
        ((1.0, 10, 2, 1.0, float("nan")), "end_learning_rate"),
        ((1.0, 10, 2, 1.0, True), "end_learning_rate"),
    ],
)
def test_schedule_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        WarmupPolynomialDecay(*arguments)


@pytest.mark.parametrize(("kind", "rate", "precision"), [(AdamW, 0.01, "float32"), (LAMB, 0.1, "mixed_bfloat16")])
def test_a_compiled_model_learns_and_is_saved_with_its_optimizer(kind, rate, precision, small_config, tmp_path):
    config = dataclasses.replace(small_config, num_layers=1, dropout=0.0, attention_dropout=0.0)
    before = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    try:
        model = keras_bert.text_classifier(keras_bert.backbone(config), 3)
    finally:
        keras.config.set_dtype_policy(before)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kind(WarmupPolynomialDecay(rate, 60, 3)), loss)
    ids = np.random.default_rng(0).integers(0, small_config.vocabulary_size, (6, 7))
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.ones_like(ids)}
    losses = model.fit(inputs, np.arange(6) % 3, batch_size=3, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is kind
    assert int(loaded.optimizer.iterations) == 60
    for mine, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
