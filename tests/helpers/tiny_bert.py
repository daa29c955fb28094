"""Checkpoints that transformers wrote, one a task, and what it computes with them; see tests/references."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import load_file, save_file

REFERENCES = Path(__file__).parents[1] / "references"
TINY = REFERENCES / "tiny_bert"
EXPECTED = dict(np.load(TINY / "expected.npz"))
INPUTS = {key: EXPECTED[key] for key in ("token_ids", "segment_ids", "padding_mask")}
REAL = INPUTS["padding_mask"].astype(bool)

# Most of the directories have no vocabulary, and no test expects a report of weights unless it asks for one.
REPORTS = ("ignore:.*no vocabulary:UserWarning", "error:.*(random|left over).*:UserWarning")


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
    """Raises an `AssertionError` unless the model of a task computes what transformers computes."""
    outputs = logits(model)
    assert {f"{task}/{key}" for key in outputs} == {key for key in EXPECTED if key.startswith(f"{task}/")}
    for key, value in outputs.items():
        expected = EXPECTED[f"{task}/{key}"]
        assert value.shape == expected.shape
        if value.shape[:2] == REAL.shape:
            value, expected = value[REAL], expected[REAL]
        np.testing.assert_allclose(value, expected, atol=1e-5)


def copied(task, directory):
    """A writable copy of a task's directory."""
    return Path(shutil.copytree(TINY / task, directory))


def rewrite(directory, change):
    """Applies a function to the {name: array} of a directory's model.safetensors."""
    path = directory / "model.safetensors"
    weights = change(load_file(path))
    path.unlink()
    save_file(weights, path)


def configure(directory, **settings):
    """Changes settings of a directory's config.json; "absent" takes one out."""
    path = directory / "config.json"
    config = {**json.loads(path.read_text()), **settings}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "absent"}))
