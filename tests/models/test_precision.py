"""Dtype policies, and compilation by XLA."""

import keras
import numpy as np
import pytest

import keras_bert
from builders import (
    BATCH,
    BUILDERS,
    arrays,
    assert_equal_outputs,
    backbone,
    batch,
    build,
    inputs_of,
    pretraining_batch,
    shared,
    shared_outputs,
)


@pytest.mark.parametrize(
    "policy, of_weights, tolerance",
    [("mixed_bfloat16", "float32", 0.05), ("float64", "float64", 1e-5)],
)
@pytest.mark.parametrize("name", BUILDERS)
def test_policies(tmp_path, name, policy, of_weights, tolerance):
    keras.config.set_dtype_policy(policy)
    other = BUILDERS[name].build(keras_bert.backbone(shared(name).config))
    other.set_weights(shared(name).get_weights())
    dtypes = {v.path: v.dtype for v in other.trainable_variables}
    assert {dtype for path, dtype in dtypes.items() if path.startswith(("embedding", "encoder"))} == {of_weights}
    assert {*dtypes.values()} <= {of_weights, "float32"}  # a few heads stay in float32, as their logits do
    outputs = other(inputs_of(name))
    if name != "backbone":
        assert {keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(outputs)} == {"float32"}
    for key, value in arrays(outputs).items():
        assert np.abs(value - shared_outputs(name)[key]).mean() < tolerance
    if policy == "mixed_bfloat16":  # a file keeps the policy
        keras.config.set_dtype_policy("float32")
        other.save(tmp_path / "model.keras")
        assert_equal_outputs(name, keras.models.load_model(tmp_path / "model.keras"), arrays(outputs))


def test_jit_compiled_training():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras_bert.pretrainer(backbone(num_layers=1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), {"mlm": loss, "nsp": loss}, jit_compile=True)
    y = {"mlm": np.full((BATCH, 2), 4), "nsp": np.full((BATCH, 3), 1)}
    history = model.fit(pretraining_batch(), y, epochs=4, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]


def test_jit_compiled_outputs_are_equal():
    model = build("text_classifier")
    expected = np.array(model(batch()))
    model.compile(jit_compile=True)
    np.testing.assert_allclose(model.predict(batch(), verbose=0), expected, atol=1e-5)
