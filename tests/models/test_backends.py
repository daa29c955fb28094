"""Every builder under JAX and PyTorch, in a process that can't import TensorFlow; and equal outputs on all of them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_bert
from builders import BUILDERS, arrays, config, inputs_of, shared, shared_outputs
from models_on_a_backend import looked_into
from tiny_bert import TINY

TESTS = Path(__file__).parents[1]
COMMAND = [
    sys.executable,
    TESTS / "processes" / "without_tensorflow.py",
    TESTS / "processes" / "models_on_a_backend.py",
]

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares TensorFlow with the others")


@pytest.fixture(scope="module", params=["jax", "torch"])
def folder(request, tmp_path_factory):
    """The folder of the one process that tries all builders: what TensorFlow saved, and what came of it there."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} isn't installed")
    folder = tmp_path_factory.mktemp(request.param)
    for name in BUILDERS:
        shared(name).save(folder / f"{name}.keras")
        keras_bert.save_pretrained(shared(name), None, folder / name)
    environment = {
        **os.environ,
        "KERAS_BACKEND": request.param,
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS / "helpers"), os.environ.get("PYTHONPATH", "")]),
    }
    run = subprocess.run([*COMMAND, folder], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    assert run.stdout.endswith("done\n")
    return folder


@pytest.fixture(scope="module")
def outputs(folder):
    """{KIND/NAME/OUTPUT: array} of that process."""
    return dict(np.load(folder / "outputs.npz"))


def assert_equals(outputs, prefix, expected):
    """Raises an `AssertionError` unless the outputs under that name, KIND/NAME, are the expected {OUTPUT: array}."""
    assert {key for key in outputs if key.startswith(f"{prefix}/")} == {f"{prefix}/{key}" for key in expected}
    for key, value in expected.items():
        np.testing.assert_allclose(outputs[f"{prefix}/{key}"], value, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("kind", ["loaded", "pretrained"])
@pytest.mark.parametrize("name", BUILDERS)
def test_what_tensorflow_saved_gives_the_same_outputs_there(outputs, name, kind):
    """From .keras files and from Hugging Face's layout."""
    assert_equals(outputs, f"{kind}/{name}", shared_outputs(name))


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_inside_is_the_same_there(outputs, name):
    """Attention weights and hidden states, and a classifier's gradients."""
    assert_equals(outputs, f"inspected/{name}", looked_into(shared(name), inputs_of(name)))


def test_predict_gives_the_same_outputs_there(outputs):
    assert_equals(outputs, "predicted/pretrainer", shared_outputs("pretrainer"))


@pytest.mark.parametrize("name", BUILDERS)
def test_what_was_trained_and_saved_there_gives_the_same_outputs_here(folder, outputs, name):
    model = keras.models.load_model(folder / "trained" / f"{name}.keras")
    assert_equals(outputs, f"trained/{name}", arrays(model(inputs_of(name))))
    assert {**model.identity, "config": shared(name).config} == shared(name).identity


@pytest.mark.parametrize("name", [*BUILDERS, "tiny"])
def test_pretrained_directories_written_there_hold_the_same_weights(folder, name):
    """The last is transformers' own."""
    original = TINY / "text_classifier" if name == "tiny" else folder / name
    written, read = (load_file(path / "model.safetensors") for path in (folder / "pretrained" / name, original))
    assert written.keys() == read.keys()
    for key, array in read.items():
        np.testing.assert_array_equal(written[key], array, err_msg=key)


def test_attention_begins_at_the_same_neighbours(outputs):
    model = keras_bert.backbone(config(num_layers=1, num_heads=2, hidden_dim=36))
    keras_bert.initialization.neighbour_attention(model)
    kernel = keras.ops.convert_to_numpy(model.get_layer("encoder_0").query_key_value.kernel)
    np.testing.assert_allclose(outputs["neighbours"], kernel, atol=1e-5)
