"""Adapters in PEFT's layout: as PEFT computes with them, both ways, and what doesn't fit is refused."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import keras_bert
from builders import build, shared
from tiny_bert import INPUTS, REAL, REFERENCES, REPORTS, TINY

pytestmark = [pytest.mark.filterwarnings(report) for report in REPORTS]
GOLDEN = REFERENCES / "adapters"
TASKS = ("text_classifier", "token_classifier", "span_predictor", "backbone")
PEER = Path("~/.cache/bert-peers/hf/bin/python").expanduser()


def tiny(task):
    """Task -> this library's model of a checkpoint that transformers wrote."""
    return keras_bert.load_pretrained(TINY / task, task)[0]


def outputs_of(model):
    """model -> what tests/references/make_adapters_golden.py notes of its outputs."""
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, model(INPUTS))
    if model.task == "span_predictor":
        return np.stack([outputs["start_logits"], outputs["end_logits"]], axis=-1)
    return outputs["sequence_output"] if model.task == "backbone" else outputs


def assert_close(found, expected):
    """Raises an `AssertionError` unless the outputs are equal where there are tokens."""
    assert found.shape == expected.shape
    rows = REAL if found.shape[:2] == REAL.shape else slice(None)
    np.testing.assert_allclose(found[rows], expected[rows], atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_pefts_adapters_give_pefts_outputs(task, tmp_path):
    """And they are written again as they were."""
    model = tiny(task)
    before = outputs_of(model)
    assert keras_bert.load_adapters(model, GOLDEN / task) is model
    expected = np.load(GOLDEN / "expected.npz")[task]
    assert np.abs(expected - before).max() > 0.5
    assert_close(outputs_of(model), expected)
    assert_close(outputs_of(keras_bert.merge_lora(model)), expected)
    keras_bert.save_adapters(model, tmp_path / "again", base_model="some/bert")
    old, new = (load_file(path / "adapter_model.safetensors") for path in (GOLDEN / task, tmp_path / "again"))
    assert old.keys() == new.keys() and all((old[name] == new[name]).all() for name in old)
    config = json.loads((tmp_path / "again" / "adapter_config.json").read_text())
    stored = json.loads((GOLDEN / task / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "some/bert"
    for name in ("peft_type", "task_type", "r", "bias"):
        assert config[name] == stored[name]
    again = tiny(task)
    keras_bert.load_adapters(again, tmp_path / "again")
    assert_close(outputs_of(again), expected)


def test_scales_by_the_root_of_the_rank_are_taken_over():
    """rsLoRA's scale is alpha over the root of the rank, 2 here of 4."""
    layer = keras_bert.load_adapters(tiny("backbone"), GOLDEN / "backbone").get_layer("encoder_0").lora
    assert (layer.rank, layer.alpha, layer.targets) == (4, 8.0, ("key",))


@pytest.mark.skipif(not PEER.exists(), reason="needs an environment with peft, transformers and torch")
@pytest.mark.parametrize("task", ["text_classifier", "span_predictor"])
def test_peft_computes_the_same_with_ours(task, tmp_path):
    """What trains are adapters beside both dense layers that end in output.dense, or one of them; and the head."""
    targets = ("query", "feedforward_output", *(["attention_output"] if task == "text_classifier" else []))
    model = keras_bert.lora(tiny(task), rank=3, targets=targets, alpha=5.0)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(keras.ops.convert_to_numpy(variable) + 0.3 * rng.normal(size=variable.shape))
    keras_bert.save_adapters(model, tmp_path / "adapters")
    command = [PEER, REFERENCES / "make_adapters_golden.py", task, tmp_path / "adapters", tmp_path / "logits.npy"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "missing" not in run.stderr
    found = np.load(tmp_path / "logits.npy")
    assert np.abs(outputs_of(tiny(task)) - found).max() > 0.1
    assert_close(outputs_of(model), found)


def test_a_random_pooler_goes_along(tmp_path):
    model = keras_bert.lora(tiny("text_classifier"), rank=2)
    model.get_layer("pooler").trainable = True
    keras_bert.save_adapters(model, tmp_path / "adapters")
    names = load_file(tmp_path / "adapters" / "adapter_model.safetensors").keys()
    assert {"base_model.model.bert.pooler.dense.weight", "base_model.model.classifier.bias"} <= names
    config = json.loads((tmp_path / "adapters" / "adapter_config.json").read_text())
    assert config["modules_to_save"] == ["classifier", "pooler"]
    assert config["target_modules"] == ["attention.self.query", "attention.self.value"]
    again = keras_bert.load_adapters(tiny("text_classifier"), tmp_path / "adapters")
    assert again.get_layer("pooler").trainable


def test_a_model_that_is_adapted_already_takes_adapters_of_its_own_settings():
    fitting = keras_bert.lora(tiny("text_classifier"), rank=2, alpha=6.0)
    keras_bert.load_adapters(fitting, GOLDEN / "text_classifier")
    assert_close(outputs_of(fitting), np.load(GOLDEN / "expected.npz")["text_classifier"])
    other = keras_bert.lora(tiny("text_classifier"), rank=3, alpha=6.0)
    with pytest.raises(ValueError, match=r"adapted otherwise than .*'rank': 3.*'rank': 2"):
        keras_bert.load_adapters(other, GOLDEN / "text_classifier")


@pytest.fixture
def adapters(tmp_path):
    """A writable copy of a classifier's adapters."""
    return Path(shutil.copytree(GOLDEN / "text_classifier", tmp_path / "adapters"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type='IA3'"),
        ({"use_dora": True}, "use_dora=True.*merge_and_unload"),
        ({"bias": "all"}, "bias='all'"),
        ({"rank_pattern": {"query": 4}}, "rank_pattern"),
        ({"layers_to_transform": [1]}, r"layers_to_transform=\[1\]"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'.*merge_and_unload"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights='pissa_niter_4'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights='olora'"),
        ({"alora_invocation_tokens": [3]}, r"alora_invocation_tokens=\[3\]"),
        ({"use_qalora": True}, "use_qalora=True"),
        ({"use_bdlora": {"nblocks": 2}}, "use_bdlora"),
        ({"r": 4}, r"expected \(4, 12\), found \(2, 12\)"),
    ],
)
def test_other_kinds_of_adapters_are_refused(adapters, settings, message):
    path = adapters / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    model = tiny("text_classifier")
    with pytest.raises(ValueError, match=message):
        keras_bert.load_adapters(model, adapters)
    assert model.get_layer("encoder_0").lora is None


@pytest.mark.parametrize(
    "settings", [{"layers_to_transform": []}, {"init_lora_weights": "gaussian"}, {"use_bdlora": None}]
)
def test_settings_that_change_nothing_are_taken(adapters, settings):
    path = adapters / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    model = keras_bert.load_adapters(tiny("text_classifier"), adapters)
    assert_close(outputs_of(model), np.load(GOLDEN / "expected.npz")["text_classifier"])


def test_adapters_of_another_model_are_refused(adapters):
    with pytest.raises(ValueError, match=r"don't fit the model, a text_classifier of 2 layers, 12 wide: .*classifier"):
        keras_bert.load_adapters(keras_bert.text_classifier(keras_bert.backbone(tiny("backbone").config), 2), adapters)
    with pytest.raises(ValueError, match=r"expected none"):
        keras_bert.load_adapters(build("text_classifier", num_layers=1, num_segments=2), adapters)
    path = adapters / "adapter_model.safetensors"
    arrays = load_file(path)
    save_file({name: array for name, array in arrays.items() if "layer.1" not in name}, path)
    with pytest.raises(ValueError, match=r"layer\.1.*found none"):
        keras_bert.load_adapters(tiny("text_classifier"), adapters)
    save_file({name: array for name, array in arrays.items() if "lora" not in name}, path)
    with pytest.raises(ValueError, match="has no adapters of BERT's layers"):
        keras_bert.load_adapters(tiny("text_classifier"), adapters)


def test_what_is_no_directory_of_adapters_is_refused(adapters):
    (adapters / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="can't be read"):
        keras_bert.load_adapters(tiny("text_classifier"), adapters)
    with pytest.raises(ValueError, match=r"adapter_config\.json can't be read"):
        keras_bert.load_adapters(tiny("text_classifier"), adapters / "nowhere")


def test_what_has_no_place_there_is_refused(tmp_path):
    model = keras_bert.lora(build("text_classifier"), rank=2)
    for wrong, message in (
        (shared("text_classifier"), r"isn't adapted.*keras_bert\.lora"),
        (shared("pretrainer"), "a pretrainer"),
        (shared("text_embedder"), "projections"),
    ):
        with pytest.raises(ValueError, match=message):
            keras_bert.save_adapters(wrong, tmp_path / "adapters")
    model.get_layer("encoder_1").feedforward_layer_norm.trainable = True
    with pytest.raises(ValueError, match=r"some train: encoder_1/feedforward_layer_norm/gamma"):
        keras_bert.save_adapters(model, tmp_path / "adapters")
    assert not any(tmp_path.iterdir())
    (tmp_path / "other.txt").write_text("mine")
    model.get_layer("encoder_1").feedforward_layer_norm.trainable = False
    with pytest.raises(ValueError, match=r"must be empty.*other\.txt"):
        keras_bert.save_adapters(model, tmp_path, overwrite=True)
