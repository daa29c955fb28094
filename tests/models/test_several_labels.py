"""Classifiers of several labels a text: their thresholds, a loss that doesn't fit, and the loss of a step in parts."""

import functools

import keras
import numpy as np
import pytest

import keras_bert
from builders import arrays, backbone, batch, build, config, shared
from small_task import config as small_config
from small_task import inputs

binary = functools.partial(keras.losses.BinaryCrossentropy, from_logits=True)


def test_thresholds_are_kept(tmp_path):
    model = build("multi_label_classifier")
    assert (model.multi_label, model.thresholds) == (True, (0.5,) * 4)
    model.keep_thresholds(np.array([0.1, 0.2, 0.3, 1.0]))
    model.save(tmp_path / "model.keras")
    clones = (keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model))
    resized = keras_bert.resize_embeddings(model, model.config.vocabulary_size + 1)
    for other in (*clones, resized, type(model).from_config(model.get_config())):
        assert (other.thresholds, other.multi_label) == ((0.1, 0.2, 0.3, 1.0), True)
    model.keep_thresholds(0.25)
    assert model.thresholds == (0.25,) * 4 and clones[1].thresholds[0] == 0.1


@pytest.mark.parametrize("thresholds", [[0.5] * 3, -0.1, 1.1, "half", None, True, [0.5, 0.5, 0.5, "x"], [[0.5] * 4]])
def test_other_thresholds_are_refused(thresholds):
    model = shared("multi_label_classifier")
    with pytest.raises(ValueError, match="`thresholds` must be a number from 0 to 1, or a list of 4"):
        model.keep_thresholds(thresholds)
    assert model.thresholds == (0.5,) * 4


def test_where_a_text_has_one_label_there_are_none():
    assert shared("text_classifier").thresholds is None
    with pytest.raises(ValueError, match=r"multi_label=True, .* Received: thresholds for a text_classifier"):
        shared("text_classifier").keep_thresholds(0.5)
    with pytest.raises(ValueError, match=r"`multi_label` must be True or False\. Received: multi_label=1"):
        keras_bert.text_classifier(shared("backbone"), 3, multi_label=1)


def test_one_class_will_do():
    model = keras_bert.text_classifier(backbone(), 1, labels=["spam"], multi_label=True)
    assert arrays(model(batch()))["output"].shape == (3, 1) and model.thresholds == (0.5,)
    with pytest.raises(ValueError, match="a label or not, a text_classifier with multi_label=True"):
        keras_bert.text_classifier(shared("backbone"), 1)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "is for one label a text"),
        ("sparse_categorical_crossentropy", "is for one label a text"),
        ([keras.losses.CategoricalCrossentropy()], "is for one label a text"),
        ({"classifier": keras.losses.categorical_crossentropy}, "is for one label a text"),
        (keras.losses.BinaryCrossentropy(), "takes probabilities"),
        ("binary_crossentropy", "takes probabilities"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(loss, message):
    with pytest.raises(ValueError, match=rf"{message}.* Give keras\.losses\.BinaryCrossentropy\(from_logits=True\)"):
        shared("multi_label_classifier").compile("adam", loss)


def test_losses_that_fit():
    model = build("multi_label_classifier", num_layers=1)
    focal = keras.losses.BinaryFocalCrossentropy(from_logits=True)
    for loss in (binary(), focal, functools.partial(keras.losses.binary_crossentropy, from_logits=True), "hinge"):
        model.compile("adam", loss)
        assert model.loss is loss
    model.compile("adam", None)
    assert model.compiled
    of_one_label = keras_bert.text_classifier(backbone(num_layers=1), 2)
    of_one_label.compile("adam", "binary_crossentropy")
    assert of_one_label.loss == "binary_crossentropy"


def test_the_loss_is_the_mean_over_texts_and_labels():
    model = shared("multi_label_classifier")
    logits = arrays(model(batch()))["output"].astype("float64")
    target = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    expected = -np.mean(np.log(np.where(target == 1, 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits)))))
    assert float(binary()(target.astype("float32"), logits.astype("float32"))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_accumulating_changes_nothing(weighted):
    """The last of three parts has one row of seven; weights count where the reduction says so."""
    rng = np.random.default_rng(3)
    target = (rng.random((7, 3)) < 0.4).astype("float32")
    weights = rng.random(7).astype("float32") if weighted else None
    reduction = "mean_with_sample_weight" if weighted else "sum_over_batch_size"

    def losses(accumulate):
        keras.utils.set_random_seed(0)
        model = keras_bert.text_classifier(keras_bert.backbone(small_config()), 3, multi_label=True)
        model.compile(keras_bert.AdamW(1e-3), binary(reduction=reduction), accumulate=accumulate)
        x = inputs(np.random.default_rng(0), 7)
        options = {"sample_weight": weights, "batch_size": 7, "epochs": 3, "shuffle": False, "verbose": 0}
        return model.fit(x, target, **options).history["loss"]

    one = losses(1)
    assert one[2] < one[0]
    np.testing.assert_allclose(losses(3), one, rtol=1e-6)


def test_several_labels_are_learned():
    """Each label is whether one token is in the text, so that all of their subsets occur."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 20, (256, 6)).astype("int32")
    target = np.stack([(ids == token).any(axis=1) for token in (5, 6, 7)], axis=1).astype("float32")
    x = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    body = keras_bert.backbone(config(num_layers=1, initializer_range=0.3, dropout=0.0, attention_dropout=0.0))
    model = keras_bert.text_classifier(body, 3, multi_label=True)
    model.compile(keras.optimizers.Adam(1e-2), binary())
    model.fit(x, target, epochs=20, batch_size=32, verbose=0)
    assert ((model.predict(x, verbose=0) > 0) == target).mean() > 0.95
