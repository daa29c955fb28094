"""KerasHub's presets: outputs equal to KerasHub's own, from presets that are written here."""

import json

import keras
import keras_nlp
import numpy as np
import pytest

from keras_bert import BertConfig, models
from keras_bert.checkpoints import load_pretrained, save_pretrained

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "café", *(f"w{i}" for i in range(20))]
PADDING_MASK = np.array([[1] * 7, [1] * 5 + [0] * 2, [1] * 3 + [0] * 4], "int32")
INPUTS = {
    "token_ids": np.arange(3, 24).reshape(3, 7).astype("int32") * PADDING_MASK,
    "segment_ids": np.array([[0, 0, 0, 1, 1, 1, 1]] * 3, "int32") * PADDING_MASK,
    "padding_mask": PADDING_MASK,
}
REAL = PADDING_MASK.astype(bool)

pytestmark = [
    pytest.mark.filterwarnings("error:.*(random|left over).*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*no vocabulary.*:UserWarning"),
]


@pytest.fixture
def hub_backbone():
    return keras_nlp.models.BertBackbone(
        vocabulary_size=29,
        num_layers=2,
        num_heads=4,
        hidden_dim=12,
        intermediate_dim=37,
        dropout=0.2,
        max_sequence_length=11,
    )


@pytest.fixture
def hub_tokenizer():
    return keras_nlp.models.BertTokenizer(vocabulary=VOCABULARY, lowercase=True)


def shaken(model):
    """Gives a KerasHub model weights that make every one of them matter."""
    random = np.random.default_rng(13)
    for weight in model.weights:
        weight.assign(weight + 0.4 * random.normal(size=weight.shape))
    return model


def assert_equal(found, expected):
    found, expected = keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_backbone_and_tokenizer(hub_backbone, hub_tokenizer, tmp_path):
    shaken(hub_backbone).save_to_preset(str(tmp_path))
    hub_tokenizer.save_to_preset(str(tmp_path))
    model, tokenizer = load_pretrained(tmp_path)
    found, expected = model(INPUTS), hub_backbone(INPUTS)
    assert_equal(found["sequence_output"][REAL], expected["sequence_output"][REAL])
    assert_equal(found["pooled_output"], expected["pooled_output"])
    config = model.config
    assert (config.activation, config.dropout, config.attention_dropout) == ("gelu_tanh", 0.2, 0.2)
    assert config.max_sequence_length == 11
    texts = ["The CATS w3 Café", "unknown"]
    assert tokenizer(texts).to_list() == [list(row) for row in hub_tokenizer(texts)]


def test_sharded_weights(hub_backbone, tmp_path):
    shaken(hub_backbone).save_to_preset(str(tmp_path), max_shard_size=1e-5)
    assert len(list(tmp_path.glob("model_*.weights.h5"))) > 1
    with pytest.warns(UserWarning, match="None takes its place: it has no vocabulary"):
        model, tokenizer = load_pretrained(tmp_path)
    assert tokenizer is None
    assert_equal(model(INPUTS)["pooled_output"], hub_backbone(INPUTS)["pooled_output"])


def test_text_classifier(hub_backbone, hub_tokenizer, tmp_path):
    preprocessor = keras_nlp.models.BertTextClassifierPreprocessor(hub_tokenizer, sequence_length=11)
    classifier = keras_nlp.models.BertTextClassifier(
        hub_backbone, num_classes=3, preprocessor=preprocessor, dropout=0.3, activation="softmax"
    )
    shaken(classifier).save_to_preset(str(tmp_path))
    model, tokenizer = load_pretrained(tmp_path, "text_classifier")
    assert_equal(keras.ops.softmax(model(INPUTS)), classifier(INPUTS))
    assert model.get_layer("classifier").dropout == 0.3
    assert tokenizer.vocabulary_size == 29
    with pytest.warns(UserWarning, match=r"left over: logits/kernel, logits/bias\."):
        load_pretrained(tmp_path)


def test_masked_language_model(hub_backbone, hub_tokenizer, tmp_path):
    preprocessor = keras_nlp.models.BertMaskedLMPreprocessor(hub_tokenizer, sequence_length=11)
    masked = shaken(keras_nlp.models.BertMaskedLM(hub_backbone, preprocessor=preprocessor))
    # Small activations, so that an epsilon of 1e-12 in place of KerasHub's 1e-5 would show.
    head = masked.get_layer("mlm_head")
    head._intermediate_dense.kernel.assign(head._intermediate_dense.kernel * 1e-3)
    head._intermediate_dense.bias.assign(head._intermediate_dense.bias * 1e-3)
    masked.save_to_preset(str(tmp_path / "preset"))
    with pytest.warns(UserWarning, match=r"left over: pooled_dense/kernel, pooled_dense/bias\."):
        model, tokenizer = load_pretrained(tmp_path / "preset", "masked_language_model")
    inputs = {**INPUTS, "mask_positions": np.array([[1, 4], [2, 0], [1, 2]], "int32")}
    assert_equal(model(inputs)["mlm"], masked(inputs))

    # It survives Keras's own format, and saving it in a layout that can't say so warns.
    model.save(tmp_path / "model.keras")
    assert_equal(keras.models.load_model(tmp_path / "model.keras")(inputs)["mlm"], masked(inputs))
    with pytest.warns(UserWarning, match=r"layer_norm_epsilon=1e-05, as KerasHub's have\."):
        save_pretrained(model, tokenizer, tmp_path / "saved")


def test_saved_as_a_preset_and_loaded_by_keras_hub(hub_backbone, hub_tokenizer, tmp_path):
    preprocessor = keras_nlp.models.BertTextClassifierPreprocessor(hub_tokenizer, sequence_length=11)
    classifier = keras_nlp.models.BertTextClassifier(
        hub_backbone, num_classes=3, preprocessor=preprocessor, dropout=0.3
    )
    shaken(classifier).save_to_preset(str(tmp_path / "classifier"))
    model, tokenizer = load_pretrained(tmp_path / "classifier", "text_classifier")
    save_pretrained(model, tokenizer, tmp_path / "ours", layout="keras_hub")
    save_pretrained(model, tokenizer, tmp_path / "ours", layout="keras_hub", overwrite=True)
    again = keras_nlp.models.BertTextClassifier.from_preset(str(tmp_path / "ours"))
    assert_equal(again(INPUTS), classifier(INPUTS))
    assert again.dropout == 0.3
    assert again.preprocessor.tokenizer.get_vocabulary() == VOCABULARY
    assert again.preprocessor.tokenizer.lowercase and not again.preprocessor.tokenizer.strip_accents
    assert_equal(load_pretrained(tmp_path / "ours", "text_classifier")[0](INPUTS), classifier(INPUTS))

    masked = shaken(keras_nlp.models.BertMaskedLM(hub_backbone))
    masked.save_to_preset(str(tmp_path / "masked"))
    with pytest.warns(UserWarning, match="pooled_dense"):
        model, _ = load_pretrained(tmp_path / "masked", "masked_language_model")
    save_pretrained(model, tokenizer, tmp_path / "again", layout="keras_hub")
    inputs = {**INPUTS, "mask_positions": np.array([[1, 4], [2, 0], [1, 2]], "int32")}
    again = keras_nlp.models.BertMaskedLM.from_preset(str(tmp_path / "again"), preprocessor=None)
    assert_equal(again(inputs), masked(inputs))


def test_models_that_keras_hub_does_not_have(tmp_path):
    body = models.backbone(BertConfig.named("tiny", vocabulary_size=29, layer_norm_epsilon=1e-5))
    with pytest.raises(ValueError, match="has no activation='gelu', no layer_norm_epsilon=1e-05"):
        save_pretrained(body, None, tmp_path / "out", layout="keras_hub")
    body = models.backbone(BertConfig.named("tiny", vocabulary_size=29, activation="gelu_tanh"))
    with pytest.raises(ValueError, match=r"has no span_predictor\."):
        save_pretrained(models.span_predictor(body), None, tmp_path / "out", layout="keras_hub")
    with pytest.raises(ValueError, match="no masked-word head with 'gelu_tanh' and 1e-12"):
        save_pretrained(models.masked_language_model(body), None, tmp_path / "out", layout="keras_hub")
    with pytest.raises(ValueError, match="no place for `labels`"):
        save_pretrained(body, None, tmp_path / "out", labels=["a"], layout="keras_hub")


def test_labels_that_are_dropped_are_named(tmp_path):
    body = models.backbone(BertConfig.named("tiny", vocabulary_size=29, activation="gelu_tanh"))
    model = models.text_classifier(body, 2, labels=["bad", "good"])
    with pytest.warns(UserWarning, match=r"KerasHub's layout has no place for the model's labels, 'bad', 'good'"):
        save_pretrained(model, None, tmp_path / "out", layout="keras_hub")
    (tmp_path / "out" / "task.json").write_text("{")
    with pytest.raises(ValueError, match=r"task\.json isn't valid JSON"):
        load_pretrained(tmp_path / "out")


def test_a_head_that_the_preset_lacks_is_named(hub_backbone, hub_tokenizer, tmp_path):
    hub_backbone.save_to_preset(str(tmp_path))
    hub_tokenizer.save_to_preset(str(tmp_path))
    with pytest.warns(UserWarning, match=r"random, not from the checkpoint: .*nsp/dense/kernel, nsp/dense/bias\."):
        load_pretrained(tmp_path, "pretrainer")


def test_presets_that_are_not_bert(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"class_name": "RobertaBackbone", "registered_name": "..."}))
    with pytest.raises(ValueError, match="is a KerasHub 'RobertaBackbone'; this library loads 'BertBackbone'"):
        load_pretrained(tmp_path)


def test_preset_names_without_network(monkeypatch):
    def model_download(handle):
        assert handle == "keras/bert/keras/bert_tiny_en_uncased/3"
        raise ConnectionError("no route to host")

    monkeypatch.setattr("kagglehub.model_download", model_download)
    with pytest.raises(ValueError, match=r"no directory 'bert_tiny_en_uncased'.*ConnectionError: no route") as caught:
        load_pretrained("bert_tiny_en_uncased")
    assert "kagglehub.model_download('keras/bert/keras/bert_tiny_en_uncased/3')" in str(caught.value)
    assert "hf download" not in str(caught.value)
    with pytest.raises(ValueError, match=r"KerasHub has no BERT preset 'bert_tiny_xx'; it has .*bert_base_en"):
        load_pretrained("bert_tiny_xx")
