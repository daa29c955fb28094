"""Steps in parts: the loss of the whole batch, whatever counts in it; the forms of a loss; what compile refuses.

tests/distribution/test_strategies.py has the same on several devices.
"""

import functools

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.distribution import keras_internals
from small_task import VOCABULARY, config, inputs, tagging

cross_entropy = functools.partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True)


def losses_of(loss, accumulate, rows=7, labels=None, weights=None, run_eagerly=False):
    """-> losses of two steps on the same rows."""
    keras.utils.set_random_seed(0)
    model = keras_bert.token_classifier(keras_bert.backbone(config()), 3)
    model.compile(keras_bert.AdamW(1e-3), loss, accumulate=accumulate, run_eagerly=run_eagerly)
    x, y, _ = tagging(np.random.default_rng(0), rows)
    y = y if labels is None else labels
    return model.fit(x, y, sample_weight=weights, batch_size=rows, epochs=2, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
@pytest.mark.parametrize("shape", [None, (7, 12), (7, 1)])
def test_ignored_labels_count_nowhere(reduction, shape):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, (7, 12))
    labels[:3, 1:] = -1  # of the first part nearly all
    weights = None if shape is None else rng.random(shape).astype("float32")
    loss = cross_entropy(ignore_class=-1, reduction=reduction)
    options = {"labels": labels, "weights": weights}
    np.testing.assert_allclose(losses_of(loss, 2, **options), losses_of(loss, 1, **options), rtol=1e-6)


@pytest.mark.parametrize("rows", [1, 5])
def test_eager_parts_without_rows(rows):
    """Of 5 rows in 4 parts the last has none."""
    expected = losses_of(cross_entropy(), 1, rows)
    for run_eagerly in (True, False):
        np.testing.assert_allclose(losses_of(cross_entropy(), 4, rows, run_eagerly=run_eagerly), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "form",
    [
        {"classifier": cross_entropy()},
        [cross_entropy()],
        functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True),
    ],
)
def test_a_loss_in_any_of_kerass_forms(form):
    np.testing.assert_allclose(losses_of(form, 3), losses_of(form, 1), rtol=1e-6)


def test_fit_takes_arguments_by_position_as_keras_does():
    model = keras_bert.text_classifier(keras_bert.backbone(config()), 3)
    model.compile(keras_bert.AdamW(1e-3), cross_entropy())
    x, y = inputs(np.random.default_rng(0), 4), np.array([0, 1, 2, 0])
    history = model.fit(x, y, 2, 1, 0, None, 0.0, (x, y)).history
    assert set(history) == {"loss", "val_loss"}


def classifier():
    return keras_bert.text_classifier(keras_bert.backbone(config()), 2)


def test_accumulate_is_checked():
    with pytest.raises(ValueError, match="accumulate"):
        classifier().compile("adam", "mse", accumulate=0)
    with pytest.raises(ValueError, match="jit_compile=True"):
        classifier().compile("adam", "mse", accumulate=2, jit_compile=True)


def test_accumulate_survives_keras_files(tmp_path):
    model = classifier()
    model.compile(keras_bert.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), accumulate=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model) and loaded.get_compile_config()["accumulate"] == 3
    assert loaded.loss.loss.name == "sparse_categorical_crossentropy"


def test_another_keras_is_refused_where_steps_are_shared(monkeypatch):
    monkeypatch.setattr(keras_internals, "TRIED_VERSIONS", ("3.9",))
    with pytest.raises(RuntimeError, match=r"tried with Keras 3.9.\* only"):
        classifier().compile("adam", cross_entropy(), accumulate=2)
    classifier().compile("adam", cross_entropy())


def test_regularized_weights_are_refused_where_steps_are_shared():
    x = keras.Input((VOCABULARY,))
    model = keras_bert.distribution.BertModel(x, keras.layers.Dense(2, kernel_regularizer="l2")(x))
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="whole penalty of 1 regularized weights"):
        model.compile("adam", "mse", accumulate=2)


def test_an_optimizer_that_clips_each_replica_is_refused():
    with pytest.raises(ValueError, match=r"Received: adam\w* with \{'clipnorm': 1.0\}"):
        keras_internals.check_clips_sums(keras.optimizers.Adam(clipnorm=1.0))
    keras_internals.check_clips_sums(keras.optimizers.Adam())
    keras_internals.check_clips_sums(keras_bert.AdamW())
