"""A model that was trained on pairs of texts knows it, wherever it is kept, and refuses single ones."""

import json

import keras
import numpy as np
import pytest

import keras_bert

PAIR = "a good book", "a dull film"


@pytest.fixture
def model(small_config):
    keras.utils.set_random_seed(3)
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 3, labels=["bad", "fair", "good"])
    assert not model.pairs
    model.keep_pairs()
    return model


def test_its_predictor_takes_two_texts_and_no_single_one(model, tokenizer):
    predict = keras_bert.predictor(model, tokenizer, max_length=16)
    expected = keras_bert.predictor(model, tokenizer, max_length=16, pairs=True)(*PAIR)
    assert predict(*PAIR) == expected
    with pytest.raises(ValueError, match="second_text"):
        predict("a good book")
    with pytest.raises(ValueError, match=r"trained on pairs of texts.*Received: pairs=False\. Give two texts"):
        keras_bert.predictor(model, tokenizer, max_length=16, pairs=False)
    model.keep_pairs(False)
    assert keras_bert.predictor(model, tokenizer, max_length=16)("a good book")["label"] in model.labels


def test_saved_loaded_cloned_and_made_smaller_it_still_knows(model, tokenizer, tmp_path):
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["keras_bert"] == {"pairs": True}
    loaded, _ = keras_bert.load_pretrained(tmp_path / "model", "text_classifier")
    assert loaded.pairs and keras_bert.checkpoints.takes_pairs(tmp_path / "model")
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").pairs
    assert keras.models.clone_model(model).pairs and keras_bert.student(model).pairs
    with pytest.warns(UserWarning, match="start random"):  # a new head is of other texts
        other, _ = keras_bert.load_pretrained(tmp_path / "model", "text_classifier", num_classes=5)
    assert not other.pairs
    model.keep_pairs(False)
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "single")
    assert not keras_bert.checkpoints.takes_pairs(tmp_path / "single")


def test_an_exported_graph_takes_two_texts(model, tokenizer, tmp_path):
    keras_bert.export_onnx(model, tokenizer, tmp_path / "light", max_length=16)
    answer = keras_bert.runtime.load(tmp_path / "light")(*PAIR)
    expected = keras_bert.predictor(model, tokenizer, max_length=16)(*PAIR)
    np.testing.assert_allclose([*answer["probabilities"].values()], [*expected["probabilities"].values()], atol=1e-5)
    with pytest.raises(ValueError, match="pairs=False"):
        keras_bert.export_onnx(model, tokenizer, tmp_path / "single", max_length=16, pairs=False)


def test_what_takes_no_pairs_is_told(small_config):
    model = keras_bert.token_classifier(keras_bert.backbone(small_config), 3)
    with pytest.raises(ValueError, match="Received: a token_classifier"):
        model.keep_pairs()
    with pytest.raises(ValueError, match="pairs"):
        model.keep_pairs("yes")
    model.keep_pairs(False)
