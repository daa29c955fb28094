"""Low-rank adaptation: what it computes and trains, and what comes back of it, under every builder."""

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_bert
import reference
from bert_in_numpy import encode
from builders import (
    BUILDERS,
    HEADS,
    arrays,
    assert_equal_outputs,
    build,
    inputs_of,
    loss_of,
    shared,
    targets_of,
    task_of,
)
from exported import assert_close, expected_of, small_tokenizer
from keras_bert.layers.lora import TARGETS

TESTS = Path(__file__).parents[1]
NAME = "text_classifier"
ALL = tuple(TARGETS)


def adapted(name=NAME, seed=5, **settings):
    """Name of a builder, arguments of `lora` -> its model, adapted, with matrices that aren't 0 any more."""
    model = keras_bert.lora(build(name, dropout=0.0, attention_dropout=0.0), **{"rank": 2, **settings})
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "/lora/" in variable.path:
            variable.assign(0.3 * rng.normal(size=variable.shape))
    return model


@functools.cache
def shared_adapted(name):
    """Name of a builder -> an adapted model, the same for all tests: to be looked at, not to be changed."""
    keras.utils.set_random_seed(0)
    return adapted(name, targets=ALL, alpha=3.0)


def paths(variables):
    return [variable.path for variable in variables]


def trained(model, name=NAME, steps=2):
    """A model, its builder -> the paths of the weights that some steps move."""
    before = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}
    model.compile(keras.optimizers.SGD(0.1), loss_of(name), run_eagerly=True)
    for _ in range(steps):
        model.train_on_batch(inputs_of(name), targets_of(name))
    return {v.path for v in model.weights if (keras.ops.convert_to_numpy(v) != before[v.path]).any()}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_outputs_are_those_of_kernels_with_the_products_added(name):
    """By the reference in numpy: `alpha / rank * a @ b` for each target, in its own third of query, key and value."""
    model = shared_adapted(name)
    weights = reference.weights_of(model)
    for i in range(2):
        products = {
            target: 3.0 / 2 * weights[f"encoder_{i}/lora/{target}_a"] @ weights[f"encoder_{i}/lora/{target}_b"]
            for target in ALL
        }
        thirds = [products.pop(target) for target in ("query", "key", "value")]
        weights[f"encoder_{i}/query_key_value/kernel"] += np.concatenate(thirds, axis=1)
        for dense, product in products.items():
            weights[f"encoder_{i}/{dense}/kernel"] += product
    inputs = inputs_of(name)
    expected = reference.OUTPUTS[name](weights, encode(weights, inputs, HEADS), inputs)
    got, real = arrays(model(inputs)), inputs["padding_mask"] > 0
    for key, value in expected.items():
        by_token = BUILDERS[name].outputs[key].startswith("BT")
        mine, value = (array[real] if by_token else array for array in (got[key], value))
        np.testing.assert_allclose(mine, value, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", BUILDERS)
def test_it_starts_as_the_model_was_and_trains_adapters_and_head_alone(name):
    model = build(name, dropout=0.0, attention_dropout=0.0)
    before = arrays(model(inputs_of(name)))
    assert keras_bert.lora(model, rank=2) is model
    assert_equal_outputs(name, model, before)
    pairs = [f"encoder_{i}/lora/{target}_{letter}" for i in (0, 1) for target in ("query", "value") for letter in "ab"]
    below = ("embedding/", "encoder_", "pooler/")
    head = [path for path in paths(model.weights) if not path.startswith(below)]
    assert paths(model.trainable_variables) == [*pairs, *head]
    assert trained(model, name) == {*pairs, *head}


def test_what_was_predicted_or_scored_before_does_not_stay():
    """Keras keeps the graphs of `predict` and `evaluate`."""
    model, inputs, targets = build(NAME, dropout=0.0, attention_dropout=0.0), inputs_of(NAME), targets_of(NAME)
    model.compile("sgd", loss_of(NAME))
    before, score = model.predict(inputs, verbose=0), model.evaluate(inputs, targets, verbose=0)
    other = adapted()
    keras_bert.lora(model, rank=2).set_weights(other.get_weights())
    expected = arrays(other(inputs))["output"]
    assert np.abs(expected - before).max() > 0.01
    np.testing.assert_allclose(model.predict(inputs, verbose=0), expected, atol=1e-5)
    model.compile("sgd", loss_of(NAME))
    assert abs(model.evaluate(inputs, targets, verbose=0) - score) > 1e-3


def test_frozen_layers_stay_frozen_with_their_matrices():
    model = keras_bert.lora(keras_bert.freeze(build(NAME), layers=1), rank=2)
    pairs = [f"encoder_1/lora/{target}_{letter}" for target in ("query", "value") for letter in "ab"]
    assert paths(model.trainable_variables) == [*pairs, "classifier/dense/kernel", "classifier/dense/bias"]


def test_the_first_step_moves_b_alone():
    """b starts at 0, so a has no gradient yet."""
    moved = trained(keras_bert.lora(build(NAME), rank=2), steps=1)
    assert {path for path in moved if "/lora/" in path} == {
        f"encoder_{i}/lora/{target}_b" for i in (0, 1) for target in ("query", "value")
    }


def test_a_starts_within_the_root_of_its_width():
    keras.utils.set_random_seed(1)
    layer = keras_bert.lora(build(NAME), rank=12).get_layer("encoder_0").lora
    a, other = (keras.ops.convert_to_numpy(layer.pair(target)[0]) for target in ("query", "value"))
    bound = 12**-0.5
    assert 0.9 * bound < np.abs(a).max() <= bound and abs(a.std() - bound / 3**0.5) < 0.02
    assert (a != other).any()


def test_less_than_a_hundredth_of_a_base_model_trains():
    """Of base's 12 layers one is built; the others are the same."""
    config = keras_bert.BertConfig.named("base", vocabulary_size=29, num_layers=1)
    model = keras_bert.lora(keras_bert.text_classifier(keras_bert.backbone(config), 2))
    of_layer = sum(int(np.prod(v.shape)) for v in model.trainable_variables if v.path.startswith("encoder_0"))
    of_head = sum(int(np.prod(v.shape)) for v in model.trainable_variables) - of_layer
    assert (of_layer, of_head) == (2 * 2 * 768 * 8, 2 * 768 + 2)
    assert (12 * of_layer + of_head) / (109_482_240 + of_head) < 0.0028
    model.compile(keras_bert.AdamW())
    model.optimizer.build(model.trainable_variables)
    assert sum(int(np.prod(v.shape)) for v in model.optimizer.variables) == 2 * (of_layer + of_head) + 2


@pytest.mark.parametrize("name", BUILDERS)
def test_files_and_clones_are_adapted_as_the_model_is(name, tmp_path):
    model = shared_adapted(name)
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for again in (keras.models.load_model(tmp_path / "model.keras"), clone):
        assert_equal_outputs(name, again, model)
        assert paths(again.weights) == paths(model.weights)
        assert paths(again.trainable_variables) == paths(model.trainable_variables)
        assert (again.task, again.labels) == (task_of(name), BUILDERS[name].labels)
        settings = {"rank": 2, "targets": [*ALL], "alpha": 3.0, "dropout": 0.0}
        assert again.get_layer("encoder_1").lora.settings() == settings


def test_what_is_frozen_or_trained_besides_stays_so(tmp_path):
    model = keras_bert.freeze(adapted(), layers=1)
    model.get_layer("encoder_1").feedforward_layer_norm.trainable = True
    expected = paths(model.trainable_variables)
    assert expected[:2] == [f"encoder_1/feedforward_layer_norm/{name}" for name in ("gamma", "beta")]
    assert not any(path.startswith("encoder_0") for path in expected) and "encoder_1/lora/query_a" in expected
    for _ in range(2):
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
        assert paths(model.trainable_variables) == expected


@pytest.mark.parametrize("name", BUILDERS)
def test_a_plain_model_is_made_of_it(name):
    model = shared_adapted(name)
    plain = keras_bert.merge_lora(model)
    assert_equal_outputs(name, plain, model, tolerance=1e-5)
    assert paths(plain.weights) == paths(shared(name).weights) == paths(plain.trainable_variables)
    assert (plain.task, plain.labels) == (task_of(name), BUILDERS[name].labels)
    assert keras_bert.merge_lora(plain) is plain
    assert len(keras_bert.lora(plain, rank=3).trainable_variables) < len(plain.weights)  # and is adapted again


@pytest.mark.filterwarnings("ignore:.*(no vocabulary|Vectors of texts):UserWarning")
@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "backbone"])
def test_saved_weights_are_merged(name, tmp_path):
    model = shared_adapted(name)
    keras_bert.save_pretrained(model, None, tmp_path / "model")
    again, _ = keras_bert.load_pretrained(tmp_path / "model", task_of(name))
    assert_equal_outputs(name, again, model, tolerance=1e-5)
    assert paths(again.weights) == paths(shared(name).weights)


def test_exports_are_merged(tmp_path):
    import tensorflow as tf

    model, tokenizer, inputs = shared_adapted(NAME), small_tokenizer(), inputs_of(NAME)
    texts = ["w1 w2 w3", "w4"]
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", 11)
    served = tf.saved_model.load(tmp_path / "served")
    predicted = keras_bert.predictor(model, tokenizer, 11)(texts)
    answer = served.signatures["serving_default"](text=tf.constant(texts))
    expected = [[*one["probabilities"].values()] for one in predicted]
    np.testing.assert_allclose(answer["probabilities"].numpy(), expected, atol=1e-5)
    stored = tf.train.list_variables(str(tmp_path / "served" / "variables" / "variables"))
    assert stored and not any(2 in shape for _, shape in stored)  # no axis is as long as the rank

    keras_bert.export_litert(model, tokenizer, tmp_path / "phone")
    run = tf.lite.Interpreter(str(tmp_path / "phone" / "model.tflite")).get_signature_runner()
    assert_close(run(**inputs), expected_of(model, inputs))

    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    keras_bert.export_onnx(model, tokenizer, tmp_path / "onnx")
    file = str(tmp_path / "onnx" / "model.onnx")
    assert not any("lora" in weight.name for weight in onnx.load(file).graph.initializer)
    assert_close({"logits": runtime.InferenceSession(file).run(["logits"], inputs)[0]}, expected_of(model, inputs))


@pytest.mark.filterwarnings("ignore:.*no vocabulary:UserWarning")
def test_a_pooler_that_the_checkpoint_lacked_trains_with_the_head(tmp_path):
    keras_bert.save_pretrained(shared("masked_language_model"), None, tmp_path / "model")
    with pytest.warns(UserWarning, match="start random"):
        model, _ = keras_bert.load_pretrained(tmp_path / "model", NAME, num_classes=3)
    trains = paths(keras_bert.lora(model, rank=2).trainable_variables)
    assert [path for path in trains if "/lora/" not in path] == [
        f"{layer}/dense/{part}" for layer in ("pooler", "classifier") for part in ("kernel", "bias")
    ]


def test_its_dropout_works_in_training_alone():
    model = keras_bert.lora(build(NAME, dropout=0.0, attention_dropout=0.0), rank=2, dropout=0.5)
    inputs = inputs_of(NAME)
    for layer in model.layers[-4:]:
        for variable in layer.weights if hasattr(layer, "lora") else ():
            if "/lora/" in variable.path:
                variable.assign(np.ones(variable.shape))
    plain, again = (arrays(model(inputs, training=False))["output"] for _ in range(2))
    np.testing.assert_array_equal(plain, again)
    first, second = (arrays(model(inputs, training=True))["output"] for _ in range(2))
    assert (first != second).any()


def test_half_the_bits():
    """Its matrices train in float32; what they multiply is bfloat16."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = adapted(targets=ALL)
    assert {variable.dtype for variable in model.weights} == {"float32"}
    outputs = arrays(model(inputs_of(NAME)))["output"]
    np.testing.assert_allclose(outputs, arrays(keras_bert.merge_lora(model)(inputs_of(NAME)))["output"], atol=0.1)
    model.compile(keras_bert.AdamW(0.05), loss_of(NAME))
    before = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}
    losses = model.fit(inputs_of(NAME), targets_of(NAME), epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    moved = {v.path for v in model.weights if (keras.ops.convert_to_numpy(v) != before[v.path]).any()}
    assert moved == {*paths(model.trainable_variables)}


def test_a_training_goes_on_where_it_was_killed(tmp_path):
    def training(directory, steps):
        keras.utils.set_random_seed(0)
        model = adapted()
        model.compile(keras_bert.AdamW(0.01), loss_of(NAME))
        resume = keras_bert.resume.Resume(directory, every=1)
        step = resume.restore(model)
        model.fit(inputs_of(NAME), targets_of(NAME), epochs=steps - step, verbose=0, callbacks=[resume])
        return model.get_weights()

    training(tmp_path / "killed", 1)
    resumed, whole = training(tmp_path / "killed", 3), training(tmp_path / "whole", 3)
    assert all((mine == other).all() for mine, other in zip(resumed, whole, strict=True))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_quantized_layers_keep_their_adapters(tmp_path):
    model = adapted()
    model.quantize("int8")
    model.save(tmp_path / "model.keras")
    assert_equal_outputs(NAME, keras.models.load_model(tmp_path / "model.keras"), model)
    plain = build(NAME)
    plain.quantize("int8")
    with pytest.raises(ValueError, match="quantized by Keras, so it can't be trained"):
        keras_bert.lora(plain)
    for merges in (keras_bert.merge_lora, keras_bert.student):
        with pytest.raises(ValueError, match=r"was quantized to int8 by Keras.*merge_lora\(model\)\.quantize"):
            merges(model)
    assert keras_bert.merge_lora(plain) is plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 0}, "`rank` must be an integer of at least 1"),
        ({"rank": 2.0}, "rank=2.0"),
        ({"rank": 13}, "`rank` must be at most the layers' width, 12"),
        ({"targets": "query"}, "among query, key, value, .*Received: targets='query'"),
        ({"targets": ()}, "targets=()"),
        ({"targets": ("query", "output")}, "different names among"),
        ({"targets": ("query", "query")}, "different names among"),
        ({"alpha": 0}, "alpha"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_refusals(arguments, message):
    model = shared("backbone")
    before = paths(model.trainable_variables)
    with pytest.raises(ValueError, match=message):
        keras_bert.lora(model, **arguments)
    assert paths(model.trainable_variables) == before
    assert all(getattr(layer, "lora", None) is None for layer in model.layers)


def test_other_models_and_adapted_ones_are_refused():
    with pytest.raises(ValueError, match="only encoder layers of this library"):
        keras_bert.lora(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match=r"adapted already.*merge_lora"):
        keras_bert.lora(shared_adapted(NAME))


ELSEWHERE = """
import sys
import keras, numpy as np
import keras_bert
from builders import arrays, inputs_of, loss_of, targets_of

folder, name = sys.argv[1], "text_classifier"
model = keras.models.load_model(f"{folder}/adapted.keras")
found = {"before": arrays(model(inputs_of(name)))["output"]}
frozen = [keras.ops.convert_to_numpy(variable) for variable in model.non_trainable_variables]
model.compile(keras_bert.AdamW(0.01), loss_of(name))
model.fit(inputs_of(name), targets_of(name), epochs=2, verbose=0)
for old, variable in zip(frozen, model.non_trainable_variables, strict=True):
    assert (old == keras.ops.convert_to_numpy(variable)).all(), variable.path
found["after"] = arrays(model(inputs_of(name)))["output"]
found["merged"] = arrays(keras_bert.merge_lora(model)(inputs_of(name)))["output"]
fresh = keras_bert.lora(keras_bert.backbone(model.config), rank=3)
keras_bert.save_adapters(model, f"{folder}/adapters")
model.save(f"{folder}/trained.keras")
np.savez(f"{folder}/found.npz", **found)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_other_backends(backend, tmp_path):
    """A file from here is loaded there, trained, and comes back."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} isn't installed")
    model = adapted(targets=ALL)
    model.save(tmp_path / "adapted.keras")
    where = os.pathsep.join([str(TESTS / "helpers"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": where}
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_allclose(found["before"], arrays(model(inputs_of(NAME)))["output"], atol=1e-5)
    model.compile(keras_bert.AdamW(0.01), loss_of(NAME))
    model.fit(inputs_of(NAME), targets_of(NAME), epochs=2, verbose=0)
    here = arrays(model(inputs_of(NAME)))["output"]
    assert np.abs(here - found["before"]).max() > 0.01
    np.testing.assert_allclose(found["after"], here, atol=1e-3)
    np.testing.assert_allclose(found["merged"], found["after"], atol=1e-5)
    back = keras.models.load_model(tmp_path / "trained.keras")
    np.testing.assert_allclose(arrays(back(inputs_of(NAME)))["output"], found["after"], atol=1e-5)
    plain = build(NAME, dropout=0.0, attention_dropout=0.0)
    others = {v.path: v for v in model.weights}
    for variable in plain.weights:
        variable.assign(others[variable.path])
    keras_bert.load_adapters(plain, tmp_path / "adapters")
    assert_equal_outputs(NAME, plain, back, tolerance=1e-5)
