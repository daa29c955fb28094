"""Models as LiteRT files, run by TensorFlow's interpreter of them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from builders import BUILDERS, ENCODER_INPUTS, POSITIONS, batch, build, inputs_of, shared
from exported import assert_close, expected_of, small_tokenizer

pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
PACKED = np.array([[1] * 6 + [2] * 7 + [3], [1] * 2 + [2] * 11 + [0]], "int32")


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


def exported(model, tokenizer, directory, **options):
    """A model, its tokenizer, where to write, options -> function: the file's inputs by name -> its outputs by name."""
    keras_bert.export_litert(model, tokenizer, directory, **options)
    run = tf.lite.Interpreter(str(directory / "model.tflite")).get_signature_runner()
    assert {*run.get_input_details()} == {*ENCODER_INPUTS, *BUILDERS[model.task].inputs}
    return lambda inputs: run(**inputs)


def packed_batch(name):
    """Name of a builder -> two longer rows of several sequences, with as many positions."""
    positions = np.array([[0, 13, 5], [2, 3, 1]], "int32")
    return {**batch(PACKED), **dict.fromkeys(BUILDERS[name].inputs, positions)}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_file_is_equal_to_the_model_at_every_length(name, tokenizer, tmp_path):
    model = shared(name)
    run = exported(model, tokenizer, tmp_path / "phone")
    for inputs in (inputs_of(name), packed_batch(name), inputs_of(name)):
        assert_close(run(inputs), expected_of(model, inputs))
    if not BUILDERS[name].inputs:
        full_row = batch(np.ones((1, POSITIONS), "int32"))
        assert_close(run(full_row), expected_of(model, full_row))


def test_int8_is_small_and_close_to_the_model(tokenizer, tmp_path):
    model = build("masked_language_model", num_layers=1, hidden_dim=64, intermediate_dim=256)
    inputs = inputs_of("masked_language_model")
    expected = expected_of(model, inputs)
    whole, small = (
        exported(model, tokenizer, tmp_path / precision, precision=precision) for precision in ("float32", "int8")
    )
    assert_close(whole(inputs), expected)
    difference = np.abs(small(inputs)["mlm"] - expected["mlm"])
    assert 0 < difference.mean() < 0.05 * np.abs(expected["mlm"]).mean()
    sizes = [(tmp_path / name / "model.tflite").stat().st_size for name in ("float32", "int8")]
    assert sizes[1] < 0.5 * sizes[0]


def test_another_activation(tokenizer, tmp_path):
    model = build("text_classifier", num_layers=1, activation="gelu_tanh")
    assert_close(exported(model, tokenizer, tmp_path / "phone")(batch()), expected_of(model, batch()))


def test_mixed_precision_is_written_in_float32(tokenizer, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = BUILDERS["pretrainer"].build(keras_bert.backbone(shared("pretrainer").config))
    keras.config.set_dtype_policy("float32")
    model.set_weights(shared("pretrainer").get_weights())
    run = exported(model, tokenizer, tmp_path / "phone")
    assert_close(run(inputs_of("pretrainer")), expected_of(shared("pretrainer"), inputs_of("pretrainer")))


def test_what_lies_beside_the_file(tokenizer, tmp_path):
    keras_bert.export_litert(shared("text_classifier"), tokenizer, tmp_path / "phone", max_length=9)
    names = {path.name for path in (tmp_path / "phone").iterdir()}
    assert names == {"model.tflite", "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"}
    contents = json.loads((tmp_path / "phone" / "config.json").read_text(encoding="utf-8"))
    assert (contents["task"], contents["labels"]) == ("text_classifier", ["가", "b", "c"])
    assert (contents["precision"], contents["options"]) == ("float32", {"max_length": 9})
    assert keras_bert.BertConfig(**contents["model"]) == shared("text_classifier").config
    assert "thresholds" not in contents
    assert keras_bert.WordPieceTokenizer.load(tmp_path / "phone").vocabulary == tokenizer.vocabulary
    with pytest.raises(ValueError, match="overwrite=True"):
        keras_bert.export_litert(shared("text_classifier"), tokenizer, tmp_path / "phone")


def test_thresholds_of_several_labels_stand_in_its_config(tokenizer, tmp_path):
    model = build("multi_label_classifier", num_layers=1)
    model.keep_thresholds([0.1, 0.2, 0.3, 0.4])
    keras_bert.export_litert(model, tokenizer, tmp_path / "phone")
    contents = json.loads((tmp_path / "phone" / "config.json").read_text(encoding="utf-8"))
    assert (contents["task"], contents["thresholds"]) == ("text_classifier", [0.1, 0.2, 0.3, 0.4])


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_what_cannot_be_exported_is_refused(tokenizer, tmp_path):
    def refused(message, model, tokenizer=tokenizer, **options):
        with pytest.raises(ValueError, match=message):
            keras_bert.export_litert(model, tokenizer, tmp_path / "phone", **options)
        assert not any(tmp_path.iterdir())

    refused("float32, int8. Received: precision='int4'", shared("backbone"), precision="int4")
    refused("max_sequence_length=11", shared("backbone"), max_length=12)
    refused("must come from one of keras_bert's builders", keras.Sequential())
    refused("a vocabulary of 5 tokens", shared("backbone"), keras_bert.WordPieceTokenizer([*tokenizer.vocabulary][:5]))
    quantized = build("text_classifier", num_layers=1)
    quantized.quantize("int8")
    refused("quantized to int8 by Keras", quantized)
