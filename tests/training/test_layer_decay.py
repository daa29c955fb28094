"""A learning rate that decays from layer to layer: its shares, a step by hand, and the same on all backends."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_bert
from builders import BUILDERS, build, inputs_of, loss_of, shared, targets_of
from keras_bert.training.layer_decay import shares_of_rate
from keras_bert.training.optimizers import LAMB, AdamW, WarmupPolynomialDecay

TESTS = Path(__file__).parents[1]
PATHS = ("embedding/token_embedding/embeddings", "encoder_0/a/kernel", "encoder_1/a/kernel", "pooler/dense/kernel")


@pytest.mark.parametrize("name", BUILDERS)
def test_every_layer_of_every_builder_has_its_place(name):
    """With 2 layers, by ELECTRA's table: embedding 0, layers 1 and 2, heads 4; the rate is decay ** (4 - depth)."""
    variables = shared(name).weights
    shares = shares_of_rate([variable.path for variable in variables], 0.5)
    found = {}
    for variable, share in zip(variables, shares, strict=True):
        found.setdefault(variable.path.split("/")[0], set()).add(share)
    expected = {"embedding": {1 / 16}, "encoder_0": {1 / 8}, "encoder_1": {1 / 4}, "pooler": {1 / 2}}
    heads = found.keys() - expected.keys()
    assert found == {key: expected[key] for key in found.keys() & expected.keys()} | {key: {1.0} for key in heads}


def test_the_highest_layer_tells_their_number():
    """Of ten layers the lower eight are frozen."""
    paths = ["encoder_8/a/kernel", "encoder_9/a/kernel", "backbone/pooler/dense/kernel", "head_of_mine/kernel"]
    assert shares_of_rate(paths, 0.5) == (1 / 8, 1 / 4, 1 / 2, 1.0)
    assert shares_of_rate(["classifier/dense/kernel"], 0.5) == (1.0,)


def test_a_model_within_another_is_known_under_any_name():
    """What stands on top of it is a head, whatever its own parts are called."""
    inner = ["embedding/a", "encoder_0/a", "encoder_1/a", "pooler/a", "classifier/a"]
    for around in ("head_model/", "bert/head/", "classifier/"):
        paths = [*(around + path for path in inner), "head_top/embedding/a", "head_top/a"]
        assert shares_of_rate(paths, 0.5) == (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 1.0, 1.0)
    assert shares_of_rate(["encoder_0/a", "head_top/encoder_0/a", "head/pooler/a"], 0.5) == (1 / 4, 1.0, 1.0)


def step_by_hand(start, gradients, rate, decay, layer_decay):
    """Adam's first step on one matrix of each of `PATHS` and a head -> the matrices after it, in float64.

    Corrected for their start, the moments are the gradient and its square, of which the uncorrected root has epsilon
    added; nothing is clipped. All of the step, decay included, is as long as the layer's rate.
    """
    shares = [layer_decay**4, layer_decay**3, layer_decay**2, layer_decay, 1.0]
    epsilon = 1e-6 / 0.001**0.5
    return [
        value - rate * share * (gradient / (abs(gradient) + epsilon) + decay * value)
        for value, gradient, share in zip(start, gradients, shares, strict=True)
    ]


def variables_at(paths, values):
    """paths, arrays -> variables that stand there in a model."""
    variables = [keras.Variable(value) for value in values]
    for path, variable in zip(paths, variables, strict=True):
        variable._path = path
    return variables


def values_and_gradients():
    generator = np.random.default_rng(0)
    draws = [[generator.normal(size=(2, 3)).astype("float32") for _ in range(5)] for _ in range(2)]
    return draws[0], [0.1 * gradient for gradient in draws[1]]


@pytest.mark.parametrize("path", ["compiled", "plain", "float64"])
def test_a_step_by_hand(path, monkeypatch):
    if path == "plain":
        monkeypatch.setattr(AdamW, "_can_fuse", lambda self: False)
    start, gradients = values_and_gradients()
    expected = step_by_hand(start, gradients, rate=0.1, decay=0.5, layer_decay=0.75)
    if path == "float64":
        start, gradients = ([array.astype("float64") for array in arrays] for arrays in (start, gradients))
    variables = variables_at((*PATHS, "classifier/dense/kernel"), start)
    optimizer = AdamW(0.1, weight_decay=0.5, global_clipnorm=10.0, layer_decay=0.75)
    optimizer.apply([ops.convert_to_tensor(gradient) for gradient in gradients], variables)
    for variable, reference in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), reference, atol=1e-6)


@pytest.mark.parametrize("fused", [True, False])
def test_lamb_shares_out_its_rate_too(fused, monkeypatch):
    """A step is as long as the matrix, times the rate, times the layer's share."""
    if not fused:
        monkeypatch.setattr(LAMB, "_can_fuse", lambda self: False)
    start, gradients = values_and_gradients()
    variables = variables_at((*PATHS, "classifier/dense/kernel"), start)
    LAMB(0.1, layer_decay=0.5).apply([ops.convert_to_tensor(gradient) for gradient in gradients], variables)
    steps = [np.linalg.norm(v.numpy() - s) / np.linalg.norm(s) for v, s in zip(variables, start, strict=True)]
    np.testing.assert_allclose(steps, [0.1 * 0.5**i for i in (4, 3, 2, 1, 0)], rtol=1e-4)


@pytest.mark.parametrize("fused", [True, False])
def test_under_a_strategy(monkeypatch, fused):
    if not fused:
        monkeypatch.setattr(AdamW, "_can_fuse", lambda self: False)
    start, gradients = values_and_gradients()
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    with strategy.scope():
        variables = variables_at((*PATHS, "classifier/dense/kernel"), start)
        optimizer = AdamW(0.1, weight_decay=0.5, global_clipnorm=10.0, layer_decay=0.75)
        optimizer.build(variables)
        strategy.run(lambda: optimizer.apply([ops.convert_to_tensor(gradient) for gradient in gradients]))
    expected = step_by_hand(start, gradients, rate=0.1, decay=0.5, layer_decay=0.75)
    for variable, reference in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), reference, atol=1e-6)


ELSEWHERE = """
import sys
import keras, numpy as np
import keras_bert
from builders import build, inputs_of, loss_of, targets_of

model = build("text_classifier", dropout=0.0, attention_dropout=0.0)
data = dict(np.load(sys.argv[1]))
model.set_weights([data[f"start/{i:02}"] for i in range(len(model.weights))])
model.compile(keras_bert.AdamW(0.01, layer_decay=0.5), loss_of("text_classifier"))
model.fit(inputs_of("text_classifier"), targets_of("text_classifier"), epochs=2, verbose=0)
np.savez(sys.argv[1], *model.get_weights())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_other_backends_train_alike(backend, tmp_path):
    """Two steps of a whole model, from the same weights."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} isn't installed")
    model = build("text_classifier", dropout=0.0, attention_dropout=0.0)
    start = model.get_weights()
    np.savez(tmp_path / "data.npz", **{f"start/{i:02}": array for i, array in enumerate(start)})
    model.compile(AdamW(0.01, layer_decay=0.5), loss_of("text_classifier"))
    model.fit(inputs_of("text_classifier"), targets_of("text_classifier"), epochs=2, verbose=0)
    where = os.pathsep.join([str(TESTS / "helpers"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": where}
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "data.npz")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    others = np.load(tmp_path / "data.npz").values()
    for variable, mine, other, old in zip(model.weights, model.get_weights(), others, start, strict=True):
        assert (mine != old).any(), variable.path
        if "query_key_value/bias" in variable.path:  # the keys' has a gradient of rounding alone
            mine, other = (np.delete(array, slice(12, 24)) for array in (mine, other))
        np.testing.assert_allclose(mine, other, atol=1e-5, err_msg=variable.path)


def test_without_it_the_steps_are_those_of_before():
    start, gradients = values_and_gradients()
    results = []
    for layer_decay in (None, 1.0):
        variables = variables_at((*PATHS, "classifier/dense/kernel"), start)
        optimizer = AdamW(0.1, layer_decay=layer_decay)
        optimizer.apply([ops.convert_to_tensor(gradient) for gradient in gradients], variables)
        results.append([variable.numpy() for variable in variables])
    np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize("kind", [AdamW, LAMB])
def test_it_comes_back_from_its_config(kind):
    optimizer = kind(WarmupPolynomialDecay(1.0, 10, 2), layer_decay=0.75)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.layer_decay == 0.75
    assert again.get_config() == optimizer.get_config()
    assert kind().get_config()["layer_decay"] is None


def test_a_model_is_saved_with_it(tmp_path):
    model = build("text_classifier", num_layers=1)
    model.compile(AdamW(0.01, layer_decay=0.5), loss_of("text_classifier"))
    model.fit(inputs_of("text_classifier"), targets_of("text_classifier"), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer._shares == model.optimizer._shares and len({*model.optimizer._shares}) == 4


@pytest.mark.parametrize("layer_decay", [0, -0.5, 1.5, "0.9", True, float("nan")])
def test_shares_out_of_their_range_are_refused(layer_decay):
    with pytest.raises(ValueError, match="`layer_decay` must be a number greater than 0 and at most 1"):
        AdamW(layer_decay=layer_decay)


def test_a_variable_without_a_place_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="mine")])
    with pytest.raises(ValueError, match=r"Received: .*mine/kernel.*head_\.\.\., or leave layer_decay out"):
        AdamW(layer_decay=0.9).build(model.trainable_variables)
    with pytest.raises(ValueError, match="needs the number of encoder layers"):
        shares_of_rate(["embedding/token_embedding/embeddings", "classifier/dense/kernel"], 0.9)


def test_a_head_of_ones_own():
    body = keras_bert.backbone(shared("backbone").config)
    logits = keras.layers.Dense(3, name="head")(body.output["pooled_output"])
    model = keras_bert.distribution.BertModel(body.input, logits)
    optimizer = AdamW(layer_decay=0.5)
    optimizer.build(model.trainable_variables)
    assert optimizer._shares[-1] == 1.0 and min(optimizer._shares) == 1 / 16
