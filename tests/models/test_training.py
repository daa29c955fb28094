"""How models train: gradients reach every weight, the loss falls, dropout is seeded, and small tasks are learned."""

import keras
import numpy as np
import pytest

import keras_bert
from builders import (
    BUILDERS,
    POSITIONS,
    VOCABULARY,
    arrays,
    assert_equal_outputs,
    backbone,
    batch,
    build,
    config,
    inputs_of,
    loss_of,
    targets_of,
)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_compiled_model_learns_and_trains_on_after_loading(tmp_path, name):
    model = build(name, num_layers=1, dropout=0.0, attention_dropout=0.0)
    model.compile(keras.optimizers.Adam(1e-2), loss_of(name), run_eagerly=True)
    losses = [model.train_on_batch(inputs_of(name), targets_of(name)) for _ in range(2)]
    assert losses[1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before = arrays(model(inputs_of(name)))
    for m in (model, loaded):
        m.train_on_batch(inputs_of(name), targets_of(name))
    after = arrays(model(inputs_of(name)))
    assert all(np.abs(after[key] - before[key]).max() > 1e-3 for key in after)
    assert_equal_outputs(name, loaded, after, tolerance=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", BUILDERS)
def test_gradients_reach_every_weight_and_are_finite(name, policy):
    """One of the rows is padding alone."""
    import tensorflow as tf

    keras.config.set_dtype_policy(policy)
    model = build(name, num_layers=1, attention_dropout=0.1)
    inputs = inputs_of(name)
    inputs["padding_mask"][1] = 0
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(inputs, training=True))
        loss = sum(tf.reduce_sum((tf.cast(x, "float32") - 1.0) ** 2) for x in outputs)
    for x in outputs:
        assert np.isfinite(tf.cast(x, "float32")).all()
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-3, variable.path


def test_training_is_seeded():
    def trained():
        keras.utils.set_random_seed(5)
        body = keras_bert.backbone(config(num_layers=1, dropout=0.3, attention_dropout=0.3))
        model = keras_bert.text_classifier(body, 3)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-2), loss, run_eagerly=True)
        return model.fit(batch(), np.array([0, 1, 2]), epochs=3, verbose=0).history["loss"]

    assert trained() == trained()


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_dropout_of_the_config_is_used(rates):
    model = backbone(**{"dropout": 0.0, "attention_dropout": 0.0, **rates})
    quiet, noisy = (arrays(model(batch(), training=training)) for training in (False, True))
    for key, value in quiet.items():
        assert np.abs(noisy[key] - value).max() > 1e-2, key


def words(rng, rows):
    """Rows of 5 to 11 tokens from 9 on, between [CLS] 2 and [SEP] 3."""
    ids = rng.integers(9, VOCABULARY, (rows, POSITIONS)).astype("int32")
    lengths = rng.integers(5, POSITIONS + 1, rows)
    index = np.arange(POSITIONS)
    ids[:, 0] = 2
    ids[np.arange(rows), lengths - 1] = 3
    mask = (index < lengths[:, None]).astype("int32")
    return {"token_ids": ids * mask, "segment_ids": np.zeros_like(ids), "padding_mask": mask}, lengths


def test_text_classifier_learns():
    """Which of two tokens stands somewhere in the text? Plain compile and fit; scored on texts not trained on."""
    rng = np.random.default_rng(1)
    x, lengths = words(rng, 640)
    y = rng.integers(0, 2, 640)
    x["token_ids"][np.arange(640), rng.integers(1, lengths - 1)] = 7 + y
    model = keras_bert.text_classifier(
        keras_bert.backbone(config(num_layers=1, hidden_dim=24, initializer_range=0.1)), 2
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    train, test = {k: v[:512] for k, v in x.items()}, {k: v[512:] for k, v in x.items()}
    model.fit(train, y[:512], batch_size=32, epochs=6, verbose=0)
    assert model.evaluate(test, y[512:], verbose=0, return_dict=True)["accuracy"] > 0.9


def test_pretrainer_learns_both_tasks():
    """Each row repeats one word, and the second sentence either goes on with it or takes another."""
    rng = np.random.default_rng(1)
    rows = 256
    first = rng.integers(9, 15, rows)
    is_random = rng.integers(0, 2, rows)
    second = np.where(is_random, 9 + (first - 9 + rng.integers(1, 6, rows)) % 6, first)
    one = np.ones(rows, "int64")
    ids = np.stack([2 * one, first, first, first, 3 * one, second, second, second, 3 * one], axis=1).astype("int32")
    mask_positions = np.stack([rng.integers(1, 4, rows), rng.integers(5, 8, rows), 0 * one], axis=1).astype("int32")
    mlm = np.take_along_axis(ids, mask_positions, axis=1)
    np.put_along_axis(ids, mask_positions[:, :2], 4, axis=1)  # [MASK]; the third position fills the row up
    x = {
        "token_ids": ids,
        "segment_ids": np.tile(np.array([0] * 5 + [1] * 4, "int32"), (rows, 1)),
        "padding_mask": np.ones_like(ids),
        "mask_positions": mask_positions,
        "cls_positions": np.zeros((rows, 1), "int32"),
    }
    y = {"mlm": mlm, "nsp": is_random[:, None]}
    weights = {"mlm": np.tile(np.array([1.0, 1.0, 0.0]), (rows, 1)), "nsp": np.ones((rows, 1))}
    model = keras_bert.pretrainer(
        keras_bert.backbone(config(hidden_dim=24, initializer_range=0.1, dropout=0.0, attention_dropout=0.0))
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile(keras.optimizers.Adam(3e-3), {"mlm": loss, "nsp": loss})
    history = model.fit(x, y, sample_weight=weights, batch_size=32, epochs=18, verbose=0).history
    assert history["mlm_loss"][0] > 2 and history["mlm_loss"][-1] < 0.5
    assert history["nsp_loss"][0] > 0.6 and history["nsp_loss"][-1] < 0.4
