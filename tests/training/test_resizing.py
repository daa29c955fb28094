"""`resize_embeddings`: new rows are the mean of the old ones, and everything else stays as it is."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, VOCABULARY, arrays, build, inputs_of, shared
from keras_bert.checkpoints.weights import variables_of

SIZED = {"embedding/token_embedding/embeddings", "mlm/bias"}


@pytest.mark.parametrize("name", BUILDERS)
def test_new_rows_are_the_mean_and_the_rest_is_as_it_was(name):
    model = shared(name)
    resized = keras_bert.resize_embeddings(model, VOCABULARY + 2)
    assert ({**resized.identity, "config": model.config}, resized.name) == (model.identity, model.name)
    assert resized.config.vocabulary_size == VOCABULARY + 2 and model.config.vocabulary_size == VOCABULARY
    old, new = variables_of(model), variables_of(resized)
    assert old.keys() == new.keys()
    for path, variable in new.items():
        values, expected = np.asarray(variable), np.asarray(old[path])
        if path in SIZED:
            expected = np.concatenate([expected, [expected.mean(axis=0)] * 2])
        np.testing.assert_allclose(values, expected, rtol=1e-6, err_msg=path)

    expected, outputs = arrays(model(inputs_of(name))), arrays(resized(inputs_of(name)))
    for key, value in outputs.items():
        of_old_tokens = value[..., :VOCABULARY] if key == "mlm" else value
        np.testing.assert_allclose(of_old_tokens, expected[key], atol=1e-6, err_msg=key)


def test_new_tokens_have_rows_of_their_own():
    model = keras_bert.resize_embeddings(build("masked_language_model"), VOCABULARY + 1)
    inputs = inputs_of("masked_language_model")
    inputs["token_ids"] = np.full_like(inputs["token_ids"], VOCABULARY)
    assert np.isfinite(arrays(model(inputs))["mlm"]).all()
    assert arrays(model(inputs))["mlm"].shape[-1] == VOCABULARY + 1


def test_fewer_tokens():
    model = shared("pretrainer")
    resized = keras_bert.resize_embeddings(model, VOCABULARY - 3)
    for path in SIZED:
        expected = np.asarray(variables_of(model)[path])[: VOCABULARY - 3]
        np.testing.assert_array_equal(np.asarray(variables_of(resized)[path]), expected)


def test_the_model_itself_stays_and_shares_nothing():
    model = build("text_classifier")
    model.get_layer("embedding").trainable = False
    before = np.array(model.weights[0])
    resized = keras_bert.resize_embeddings(model, VOCABULARY)
    assert not resized.get_layer("embedding").trainable
    assert len(resized.trainable_weights) == len(model.trainable_weights)
    resized.weights[0].assign(np.zeros_like(before))
    np.testing.assert_array_equal(np.asarray(model.weights[0]), before)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_other_precisions(policy):
    keras.config.set_dtype_policy(policy)
    resized = keras_bert.resize_embeddings(build("text_classifier"), VOCABULARY + 5)
    assert resized.weights[0].dtype == ("bfloat16" if policy == "bfloat16" else "float32")
    assert resized.get_layer("encoder_0").compute_dtype == "bfloat16"


def test_trained_saved_and_loaded(tmp_path):
    model = keras_bert.resize_embeddings(build("text_classifier"), VOCABULARY + 1)
    inputs = inputs_of("text_classifier")
    inputs["token_ids"] = np.full_like(inputs["token_ids"], VOCABULARY)
    before = np.array(model.weights[0])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(inputs, np.zeros(len(inputs["token_ids"])), verbose=0)
    assert np.abs(np.asarray(model.weights[0])[VOCABULARY] - before[VOCABULARY]).max() > 0
    model.save(tmp_path / "model.keras")
    keras_bert.save_pretrained(model, None, tmp_path / "saved")
    expected = arrays(model(inputs))["output"]
    for loaded in (
        keras.models.load_model(tmp_path / "model.keras"),
        keras_bert.load_pretrained(tmp_path / "saved", "text_classifier")[0],
    ):
        assert loaded.config.vocabulary_size == VOCABULARY + 1
        np.testing.assert_allclose(arrays(loaded(inputs))["output"], expected, atol=1e-6)


def test_what_cannot_be_resized():
    with pytest.raises(ValueError, match="must come from one of keras_bert's builders"):
        keras_bert.resize_embeddings(keras.Sequential(), 30)
    with pytest.raises(ValueError, match=r"`vocabulary_size` must be an integer of at least 1\. Received: .*=0"):
        keras_bert.resize_embeddings(shared("backbone"), 0)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_other_backends(backend):
    pytest.importorskip(backend)
    code = """
import sys
sys.modules["tensorflow"] = None
import keras, keras_bert, numpy as np
config = keras_bert.BertConfig.named("tiny", vocabulary_size=29)
model = keras_bert.pretrainer(keras_bert.backbone(config))
resized = keras_bert.resize_embeddings(model, 31)
for old, new in zip(model.weights, resized.weights, strict=True):
    old, new = map(keras.ops.convert_to_numpy, (old, new))
    np.testing.assert_array_equal(new[: len(old)], old)
    for row in new[len(old) :]:
        np.testing.assert_allclose(row, old.mean(axis=0), atol=1e-6)
"""
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
