"""AdamW and its schedule: worked by hand, against Keras's own, and under compile and fit."""

import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_bert
from keras_bert import optimization
from keras_bert.optimization import AdamW, WarmupLinearDecay

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


@pytest.mark.parametrize("clip", [None, 0.5, 1e6])
def test_the_compiled_update_is_keras_own(clip, monkeypatch):
    made = []
    fused_update = optimization._fused_update
    monkeypatch.setattr(optimization, "_fused_update", lambda *constants: made.append(0) or fused_update(*constants))
    compiled = apply(AdamW(0.02, weight_decay=0.1, global_clipnorm=clip))
    assert len(made) == (0 if sys.platform == "darwin" else 6)
    monkeypatch.setattr(AdamW, "_can_fuse", lambda self: False)
    plain = apply(AdamW(0.02, weight_decay=0.1, global_clipnorm=clip))
    for mine, reference in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(mine, reference, atol=1e-6)


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


def test_schedule_rises_and_falls():
    schedule = WarmupLinearDecay(2.0, total_steps=10, warmup_steps=4)
    rates = [float(schedule(step)) for step in range(12)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 5 / 3, 4 / 3, 1.0, 2 / 3, 1 / 3, 0, 0])


def test_schedule_without_warmup_starts_at_its_peak():
    assert float(WarmupLinearDecay(3.0, total_steps=4)(0)) == 3.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 10, 2), "peak_learning_rate"),
        ((1.0, 0, 0), "total_steps"),
        ((1.0, 10, 11), "warmup_steps"),
        ((1.0, 10, -1), "warmup_steps"),
        ((1.0, 10, 0.1), "steps, not a share"),
    ],
)
def test_schedule_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        WarmupLinearDecay(*arguments)


def test_a_compiled_model_is_saved_with_its_optimizer(tmp_path):
    config = keras_bert.BertConfig(
        vocabulary_size=29, num_layers=1, num_heads=4, hidden_dim=12, intermediate_dim=37, max_sequence_length=9
    )
    model = keras_bert.text_classifier(keras_bert.backbone(config), 3)
    model.compile(AdamW(WarmupLinearDecay(1e-3, 30, 3)), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.default_rng(0).integers(0, 29, (6, 7))
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.ones_like(ids)}
    model.fit(inputs, np.arange(6) % 3, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is AdamW
    assert int(loaded.optimizer.iterations) == 2
    for mine, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
