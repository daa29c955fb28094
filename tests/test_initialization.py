"""Weights to start from: by hand, and what they are for."""

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.initialization import sinusoidal_positions, unigram_bias
from keras_bert.models import embedding_of


def test_positions_are_waves(small_config):
    model = keras_bert.backbone(small_config)
    sinusoidal_positions(model, standard_deviation=0.05)
    table = keras.ops.convert_to_numpy(embedding_of(model).position_embedding.embeddings)  # [32, 12]
    assert table.std() == pytest.approx(0.05, rel=0.2)
    half = np.sqrt(2) * 0.05
    np.testing.assert_allclose(table[0], [0] * 6 + [half] * 6, atol=1e-7)
    np.testing.assert_allclose(table[3, [0, 6]], [half * np.sin(3), half * np.cos(3)], atol=1e-7)
    # One linear map leads each position to the next.
    step, *_ = np.linalg.lstsq(table[:-1], table[1:])
    np.testing.assert_allclose(table[:-1] @ step, table[1:], atol=1e-5)


@pytest.mark.parametrize("builder", ["pretrainer", "masked_language_model"])
def test_the_bias_predicts_how_often_words_come(builder, small_config):
    model = getattr(keras_bert, builder)(keras_bert.backbone(small_config))
    counts = np.arange(15) ** 3
    unigram_bias(model, counts)
    inputs = {
        "token_ids": np.array([[2, 4, 9, 3]]),
        "segment_ids": np.zeros((1, 4), "int32"),
        "padding_mask": np.ones((1, 4), "int32"),
        "mask_positions": np.array([[1, 2]]),
        "cls_positions": np.array([[0]]),
    }
    logits = model.predict({layer.name: inputs[layer.name] for layer in model.inputs}, verbose=0)["mlm"]
    predicted = keras.ops.convert_to_numpy(keras.ops.softmax(logits))  # [1, 2, 15]
    frequencies = (counts + 0.5) / (counts.sum() + 7.5)
    np.testing.assert_allclose(predicted[0], [frequencies] * 2, atol=0.03)


@pytest.mark.parametrize("counts", [np.ones(14), np.ones((15, 1)), -np.ones(15), 3])
def test_counts_that_do_not_fit_are_refused(counts, small_config):
    model = keras_bert.pretrainer(keras_bert.backbone(small_config))
    with pytest.raises(ValueError, match=r"one number of at least 0 for each of the 15 tokens. Received: an array of"):
        unigram_bias(model, counts)
