"""What transformers wrote gives transformers' outputs, under every name that the weights may have; and the way back."""

import json
import os

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert.checkpoints import load_pretrained, save_pretrained
from keras_bert.checkpoints.heads import HEADS
from keras_bert.checkpoints.weights import variables_of
from tiny_bert import (
    INPUTS,
    REFERENCES,
    REPORTS,
    TINY,
    assert_as_transformers,
    configure,
    copied,
    rewrite,
)

pytestmark = pytest.mark.filterwarnings(*REPORTS)
TASKS = [task for task in HEADS if task != "text_embedder"]  # of which tests/checkpoints/sentence_transformers asks


@pytest.mark.parametrize("task", TASKS)
def test_outputs_equal_transformers(task):
    model, _ = load_pretrained(TINY / task, task)
    assert_as_transformers(model, task)


@pytest.mark.parametrize("task", TASKS)
def test_saved_and_loaded_again(task, tmp_path):
    model, _ = load_pretrained(TINY / task, task)
    save_pretrained(model, None, tmp_path / "saved")
    assert_as_transformers(load_pretrained(tmp_path / "saved", task)[0], task)
    ours, theirs = (load_file(path / "model.safetensors") for path in (tmp_path / "saved", TINY / task))
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    ours, theirs = (json.loads((path / "config.json").read_text()) for path in (tmp_path / "saved", TINY / task))
    differing = {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}
    assert differing <= {"label2id", "classifier_dropout"}, "transformers writes null where a value is the default"


@pytest.mark.skipif("KERAS_BERT_MINILM" not in os.environ, reason="KERAS_BERT_MINILM names no MiniLM directory")
def test_minilm_equals_transformers():
    golden = dict(np.load(REFERENCES / "minilm_golden.npz"))
    model, tokenizer = load_pretrained(os.environ["KERAS_BERT_MINILM"])
    outputs = model({key: golden[key] for key in INPUTS})
    real = golden["padding_mask"].astype(bool)
    sequence = keras.ops.convert_to_numpy(outputs["sequence_output"])
    np.testing.assert_allclose(sequence[real], golden["sequence_output"][real], atol=1e-4)
    np.testing.assert_allclose(outputs["pooled_output"], golden["pooled_output"], atol=1e-4)
    assert tokenizer.vocabulary["here"] == 2182


def old_names(weights):
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in weights.items()
    }


def without_prefix(weights):
    return {name.removeprefix("bert."): array for name, array in weights.items()}


def with_prefix(weights):
    return {name if name.startswith(("bert.", "cls.")) else f"bert.{name}": array for name, array in weights.items()}


def with_buffers_and_copies(weights):
    copies = {
        "bert.embeddings.position_ids": np.arange(11)[None],
        "cls.predictions.decoder.weight": weights["bert.embeddings.word_embeddings.weight"],
        "cls.predictions.decoder.bias": weights["cls.predictions.bias"],
    }
    return weights | copies


def with_decoder_bias_only(weights):
    weights["cls.predictions.decoder.bias"] = weights.pop("cls.predictions.bias")
    return weights


@pytest.mark.parametrize(
    "task, change",
    [
        ("pretrainer", old_names),
        ("pretrainer", without_prefix),
        ("backbone", with_prefix),
        ("pretrainer", with_buffers_and_copies),
        ("masked_language_model", with_decoder_bias_only),
    ],
)
def test_other_names_of_the_same_weights(task, change, tmp_path):
    directory = copied(task, tmp_path / "changed")
    rewrite(directory, change)
    assert_as_transformers(load_pretrained(directory, task)[0], task)


def test_shards(tmp_path):
    directory = copied("text_classifier", tmp_path / "sharded")
    weights = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    files = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(sorted(weights))}
    for file in {*files.values()}:
        save_file({name: weights[name] for name in weights if files[name] == file}, directory / file)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert_as_transformers(load_pretrained(directory, "text_classifier")[0], "text_classifier")

    (directory / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match=r"files that aren't there: model-00002-of-00002\.safetensors"):
        load_pretrained(directory, "text_classifier")


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_half_precision_files(dtype, tmp_path):
    directory = copied("backbone", tmp_path / "half")
    rewrite(directory, lambda weights: {name: array.astype(dtype) for name, array in weights.items()})
    model, _ = load_pretrained(directory)
    for name, array in load_file(TINY / "backbone" / "model.safetensors").items():
        if name == "pooler.dense.weight":
            kernel = variables_of(model)["pooler/dense/kernel"]
            assert kernel.dtype == "float32"
            np.testing.assert_array_equal(kernel, array.astype(dtype).astype("float32").T)


def test_query_key_and_value_lie_side_by_side():
    model, _ = load_pretrained(TINY / "backbone")
    weights = load_file(TINY / "backbone" / "model.safetensors")
    kernel = np.asarray(variables_of(model)["encoder_1/query_key_value/kernel"])
    for i, part in enumerate(("query", "key", "value")):
        expected = weights[f"encoder.layer.1.attention.self.{part}.weight"].T
        np.testing.assert_array_equal(kernel[:, 12 * i : 12 * (i + 1)], expected)


@pytest.mark.parametrize(
    "hidden_act, activation", [("gelu_pytorch_tanh", "gelu_tanh"), ("swish", "silu"), ("relu", "relu")]
)
def test_activations(hidden_act, activation, tmp_path):
    directory = copied("backbone", tmp_path / "activation")
    configure(directory, hidden_act=hidden_act)
    assert load_pretrained(directory)[0].config.activation == activation
