"""Hugging Face's layout: parity with transformers' own files, both ways, and what is said of files that don't fit."""

import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert.checkpoints import load_pretrained, save_pretrained
from keras_bert.checkpoints.weights import HEADS

REFERENCES = Path(__file__).parents[1] / "references"
TINY = REFERENCES / "tiny_bert"
EXPECTED = dict(np.load(TINY / "expected.npz"))
INPUTS = {key: EXPECTED[key] for key in ("token_ids", "segment_ids", "padding_mask")}
REAL = INPUTS["padding_mask"].astype(bool)

# transformers' outputs are made once, without a vocabulary; the tests of the tokenizer ask for the warning.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*no vocabulary:UserWarning", "error:.*(random|left over).*:UserWarning"
)


def logits(model):
    """model -> {transformers' name of an output: array}, for every token of INPUTS."""
    batch, length = INPUTS["token_ids"].shape
    inputs = dict(INPUTS)
    if "mask_positions" in model.input:
        inputs["mask_positions"] = np.tile(np.arange(length, dtype="int32"), (batch, 1))
    if "cls_positions" in model.input:
        inputs["cls_positions"] = np.zeros((batch, 1), "int32")
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs))
    if not isinstance(outputs, dict):
        return {"logits": outputs}
    names = {"sequence_output": "last_hidden_state", "pooled_output": "pooler_output", "nsp": "seq_relationship_logits"}
    names["mlm"] = "prediction_logits" if "nsp" in outputs else "logits"
    outputs = {names.get(key, key): value for key, value in outputs.items()}
    if "seq_relationship_logits" in outputs:
        outputs["seq_relationship_logits"] = outputs["seq_relationship_logits"][:, 0]
    return outputs


def assert_as_transformers(model, task):
    outputs = logits(model)
    assert {f"{task}/{key}" for key in outputs} == {key for key in EXPECTED if key.startswith(f"{task}/")}
    for key, value in outputs.items():
        expected = EXPECTED[f"{task}/{key}"]
        assert value.shape == expected.shape
        if value.shape[:2] == REAL.shape:
            value, expected = value[REAL], expected[REAL]
        np.testing.assert_allclose(value, expected, atol=1e-5)


def copied(task, directory, **weights):
    """A writable copy of a task's directory, with `weights` in place of its own where given."""
    shutil.copytree(TINY / task, directory)
    return directory


def rewrite(directory, change):
    """Applies a function to the {name: array} of a directory's model.safetensors."""
    path = directory / "model.safetensors"
    weights = change(load_file(path))
    path.unlink()
    save_file(weights, path)


def configure(directory, **settings):
    path = directory / "config.json"
    config = {**json.loads(path.read_text()), **settings}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "absent"}))


@pytest.mark.parametrize("task", HEADS)
def test_outputs_equal_transformers(task):
    model, _ = load_pretrained(TINY / task, task)
    assert_as_transformers(model, task)


@pytest.mark.parametrize("task", HEADS)
def test_saved_and_loaded_again(task, tmp_path):
    model, _ = load_pretrained(TINY / task, task)
    save_pretrained(model, None, tmp_path / "saved")
    again, _ = load_pretrained(tmp_path / "saved", task)
    assert_as_transformers(again, task)
    ours, theirs = (
        {k: v for k, v in load_file(p / "model.safetensors").items()} for p in (tmp_path / "saved", TINY / task)
    )
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    written, read = (json.loads((p / "config.json").read_text()) for p in (tmp_path / "saved", TINY / task))
    for key in written.keys() & read.keys() - {"label2id"}:
        assert written[key] == read[key] or (key == "classifier_dropout" and read[key] is None), key


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
