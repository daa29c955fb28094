"""The models under JAX, in a process that can't import TensorFlow; and equal outputs on both backends."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_bert

SIZES = {
    "vocabulary_size": 29,
    "num_layers": 1,
    "num_heads": 4,
    "hidden_dim": 12,
    "intermediate_dim": 37,
    "max_sequence_length": 11,
    "initializer_range": 0.3,
}

# Run with `python -c`; arguments: a folder with what TensorFlow saved and computed.
SCRIPT = """
import sys

class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_text", "tf_keras"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTensorFlow())

import keras
import numpy as np
import keras_bert

assert keras.backend.backend() == "jax"
folder = sys.argv[1]
data = dict(np.load(f"{folder}/inputs.npz"))
keys = ("token_ids", "segment_ids", "padding_mask")
inputs = {key: data[key] for key in keys}
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
outputs = {}

def predict(name, model, batch):
    result = model.predict(batch, verbose=0)
    result = result if isinstance(result, dict) else {"logits": result}
    return {f"{name}/{key}": value for key, value in result.items()}

def train_save_and_load(name, model, losses, batch, labels):
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), losses)
    history = model.fit(batch, labels, verbose=0).history
    assert np.isfinite(history["loss"]).all(), history
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))
    expected = predict(name, model, batch)
    model.save(f"{folder}/{name}.keras")
    loaded = keras.models.load_model(f"{folder}/{name}.keras")
    for key, value in predict(name, loaded, batch).items():
        np.testing.assert_allclose(value, expected[key], atol=1e-6)
    assert loaded.labels == model.labels
    return expected

# What TensorFlow saved gives the same outputs here.
for name in ("backbone", "pretrainer", "text_classifier"):
    model = keras.models.load_model(f"{folder}/{name}.keras")
    outputs |= predict(name, model, data if name == "pretrainer" else inputs)

# What is built here trains a step, and comes back from disk the same.
config = model.config
model = keras_bert.pretrainer(keras_bert.backbone(config))
labels = {"mlm": np.full((3, 2), 4), "nsp": np.full((3, 2), 1)}
outputs |= train_save_and_load("jax_pretrainer", model, {"mlm": loss, "nsp": loss}, data, labels)

# So it does in bfloat16, with a fully padded row.
keras.config.set_dtype_policy("mixed_bfloat16")
model = keras_bert.text_classifier(keras_bert.backbone(config), 3, labels=["a", "b", "c"])
padded = {**inputs, "padding_mask": inputs["padding_mask"] * np.array([[1], [0], [1]], "int32")}
(logits,) = train_save_and_load("jax_text_classifier", model, loss, padded, np.array([0, 1, 2])).values()
assert logits.dtype == "float32" and np.isfinite(logits).all()

# Attention begins at the same neighbours.
model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29))
keras_bert.initialization.neighbour_attention(model)
outputs["neighbours/kernel"] = np.array(model.get_layer("encoder_0").query_key_value.kernel)

assert not [name for name in sys.modules if name.partition(".")[0] in ("tensorflow", "tensorflow_text")]
np.savez(f"{folder}/outputs.npz", **outputs)
print("done")
"""


def inputs():
    rng = np.random.default_rng(1)
    return {
        "token_ids": rng.integers(0, 29, (3, 7)).astype("int32"),
        "segment_ids": rng.integers(0, 2, (3, 7)).astype("int32"),
        "padding_mask": np.array([[1] * 7, [1] * 4 + [0] * 3, [1, 1, 1, 2, 2, 2, 0]], "int32"),
        "mask_positions": np.array([[1, 5], [3, 0], [2, 4]], "int32"),
        "cls_positions": np.array([[0, 0], [0, 0], [0, 3]], "int32"),
    }


def flat(name, result):
    result = result if isinstance(result, dict) else {"logits": result}
    return {f"{name}/{key}": np.array(value) for key, value in result.items()}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares TensorFlow with JAX")
def test_jax_without_tensorflow(tmp_path):
    backbone = keras_bert.backbone(keras_bert.BertConfig(**SIZES))
    models = {
        "backbone": backbone,
        "pretrainer": keras_bert.pretrainer(backbone),
        "text_classifier": keras_bert.text_classifier(backbone, 3, labels=["a", "b", "c"]),
    }
    data = inputs()
    np.savez(tmp_path / "inputs.npz", **data)
    expected = {}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
        expected |= flat(name, model({key: data[key] for key in model.input}))
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert run.stdout.endswith("done\n")
    back = keras.models.load_model(tmp_path / "jax_pretrainer.keras")  # what JAX trained and saved
    expected |= flat("jax_pretrainer", back(data))
    model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29))
    keras_bert.initialization.neighbour_attention(model)
    expected["neighbours/kernel"] = keras.ops.convert_to_numpy(model.get_layer("encoder_0").query_key_value.kernel)
    got = np.load(tmp_path / "outputs.npz")
    assert set(got) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(got[key], value, atol=1e-5, err_msg=key)
