"""What users give to a model themselves: an error says what is wrong, however it came; no answer is silently wrong."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from builders import BUILDERS, arrays, batch, build, config, inputs_of, loss_of, shared, shared_outputs, targets_of
from wrong_inputs import BY_SHAPE, BY_TYPE, BY_VALUE, RIGHT, WRONG

TESTS = Path(__file__).parents[1]
NAME = "text_classifier"


def dataset(inputs):
    """Inputs -> a tf.data.Dataset of one batch, of which the graph knows the number of tokens."""
    return tf.data.Dataset.from_tensor_slices(inputs).batch(3)


@functools.cache
def compiled(jit_compile):
    """-> the model as a graph that knows no shapes."""
    signature = {key: tf.TensorSpec([None, None], "int32", name=key) for key in batch()}
    return tf.function(shared(NAME), input_signature=[signature], jit_compile=jit_compile)


@functools.cache
def trained():
    """-> a model that can be trained and evaluated."""
    model = build(NAME)
    model.compile("sgd", loss_of(NAME))
    return model


class OneBatch(keras.utils.PyDataset):
    """A dataset of Keras's that has one batch, and counts the epochs that it is told of."""

    def __init__(self, batch):
        super().__init__()
        self.batch, self.begun, self.ended = batch, 0, 0

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


TARGETS = targets_of(NAME)
WAYS = {
    "call": lambda inputs: shared(NAME)(inputs),
    "predict": lambda inputs: shared(NAME).predict(inputs, verbose=0),
    "predict_on_batch": lambda inputs: shared(NAME).predict_on_batch(inputs),
    "fit": lambda inputs: trained().fit(inputs, TARGETS, verbose=0),
    "validation": lambda inputs: trained().fit(batch(), TARGETS, validation_data=(inputs, TARGETS), verbose=0),
    "evaluate": lambda inputs: trained().evaluate(inputs, TARGETS, verbose=0),
    "train_on_batch": lambda inputs: trained().train_on_batch(inputs, TARGETS),
    "test_on_batch": lambda inputs: trained().test_on_batch(inputs, TARGETS),
    "generator": lambda inputs: trained().fit(((x, TARGETS) for x in [inputs]), verbose=0),
    "generator of inputs alone": lambda inputs: shared(NAME).predict((x for x in [inputs]), verbose=0),
    "PyDataset": lambda inputs: trained().fit(OneBatch((inputs, TARGETS)), verbose=0),
    "PyDataset of inputs alone": lambda inputs: shared(NAME).predict(OneBatch(inputs), verbose=0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("inputs, message", WRONG.values(), ids=WRONG)
def test_wrong_values_are_named(inputs, message, way):
    with pytest.raises(ValueError, match=message):
        WAYS[way](inputs)


@pytest.mark.parametrize("inputs, message", (BY_VALUE | BY_TYPE).values(), ids=BY_VALUE | BY_TYPE)
def test_a_dataset_is_checked_batch_by_batch(inputs, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        shared(NAME).predict(dataset(inputs), verbose=0)


@pytest.mark.parametrize("inputs, message", BY_SHAPE.values(), ids=BY_SHAPE)
def test_shapes_and_names_of_a_dataset_are_checked_at_once(inputs, message):
    with pytest.raises(ValueError, match=message):
        shared(NAME).predict(dataset(inputs), verbose=0)


def test_a_dataset_of_unknown_shapes_is_checked():
    wrong = {**batch(), "padding_mask": batch()["padding_mask"][:, :1]}
    spec = {name: tf.TensorSpec(None, "int32") for name in wrong}
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many tokens"):
        shared(NAME).predict(tf.data.Dataset.from_generator(lambda: [wrong], output_signature=spec), verbose=0)


def test_a_dataset_of_rows_wants_batches():
    with pytest.raises(ValueError, match=r"\.batch"):
        shared(NAME).predict(dataset(batch()).unbatch(), verbose=0)


def test_validation_data_of_a_dataset_is_checked():
    data = tf.data.Dataset.from_tensor_slices((BY_VALUE["negative id"][0], TARGETS)).batch(3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"token_ids\[1, 2\] is -1"):
        trained().fit(batch(), TARGETS, validation_data=data, verbose=0)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("inputs", [inputs for inputs, _ in BY_VALUE.values()], ids=BY_VALUE)
def test_a_graph_answers_nan_or_not_at_all(inputs, jit_compile):
    try:
        answer = compiled(jit_compile)({name: array.astype("int32") for name, array in inputs.items()})
    except tf.errors.InvalidArgumentError as error:  # TensorFlow's own, on its CPU
        assert "is not in [0," in str(error)
    else:
        assert np.isnan(answer).any()


@pytest.mark.parametrize("name, axis", [("token_ids", 1), ("segment_ids", 0), ("padding_mask", 1), ("padding_mask", 0)])
def test_a_graph_answers_nan_or_not_at_all_where_shapes_would_broadcast(name, axis):
    inputs = batch()
    inputs[name] = np.ones_like(np.take(inputs[name], [0], axis=axis))
    try:
        answer = compiled(False)(inputs)
    except tf.errors.InvalidArgumentError as error:
        assert "requested shape" in str(error)
    else:
        assert np.isnan(answer).all()


@pytest.mark.parametrize("inputs", [inputs for inputs, _ in BY_TYPE.values()], ids=BY_TYPE)
def test_a_graph_answers_nan_for_what_int32_lacks(inputs):
    answer = tf.function(shared(NAME))({name: tf.constant(array) for name, array in inputs.items()})
    assert np.isnan(answer[1]).all()


@pytest.mark.parametrize("way", ["call", "predict", "dataset", "generator", "PyDataset of inputs alone"])
@pytest.mark.parametrize("inputs", RIGHT.values(), ids=RIGHT)
def test_whole_numbers_of_any_type_are_taken(inputs, way):
    ways = WAYS | {
        "dataset": lambda inputs: shared(NAME).predict(dataset(inputs), verbose=0),
        "generator": lambda inputs: shared(NAME).predict(((x,) for x in [inputs]), verbose=0),
    }
    np.testing.assert_allclose(ways[way](inputs), shared_outputs(NAME)["output"], atol=1e-5)


def test_a_pydataset_is_told_of_its_epochs():
    """As often as Keras itself tells it."""
    data, others = OneBatch((batch(), TARGETS)), OneBatch((np.ones((3, 1)), np.ones((3, 1))))
    trained().fit(data, epochs=2, verbose=0)
    plain = keras.Sequential([keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    plain.fit(others, epochs=2, verbose=0)
    assert (data.begun, data.ended) == (others.begun, others.ended)
    assert data.begun == 2


@pytest.mark.parametrize("data", [None, "a text"])
@pytest.mark.parametrize("way", ["fit", "validation", "evaluate", "predict", "predict_on_batch"])
def test_what_is_no_data_is_refused(way, data):
    with pytest.raises(ValueError, match=rf"takes a dict with the keys token_ids, .* Received: {type(data).__name__}"):
        WAYS[way](data)


def test_a_head_of_ones_own_is_checked():
    encoder = keras_bert.backbone(config())
    own = keras_bert.distribution.BertModel(encoder.input, keras.layers.Dense(2)(encoder.output["pooled_output"]))
    assert own.predict(batch(), verbose=0).shape == (3, 2)
    with pytest.raises(ValueError, match="attention_mask, which it doesn't know"):
        own.predict({**batch(), "attention_mask": batch()["padding_mask"]}, verbose=0)


def test_tensors_and_arrays_are_taken_together():
    inputs = {**batch(), "segment_ids": batch()["segment_ids"].tolist(), "token_ids": tf.constant(batch()["token_ids"])}
    np.testing.assert_allclose(shared(NAME)(inputs), shared_outputs(NAME)["output"], atol=1e-5)


def test_ragged_rows_are_padded():
    ragged = {name: tf.RaggedTensor.from_tensor(array, lengths=[7, 4, 6]) for name, array in batch().items()}
    expected = shared_outputs(NAME)["output"]
    np.testing.assert_allclose(shared(NAME)(ragged), expected, atol=1e-5)
    data = tf.data.Dataset.from_tensors(ragged)
    np.testing.assert_allclose(shared(NAME).predict(data, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize("name", BUILDERS)
class TestEveryBuilder:
    def test_wrong_values_are_named(self, name):
        for key, low in (("token_ids", 29), ("segment_ids", 3), ("mask_positions", 7), ("cls_positions", 7)):
            for value in (low, -1):
                inputs = inputs_of(name)
                if key in inputs:
                    inputs[key][2, 1] = value
                    with pytest.raises(ValueError, match=rf"{key}\[2, 1\] is {value}"):
                        shared(name)(inputs)

    def test_keys_too_many(self, name):
        extra = {"attention_mask": batch()["padding_mask"], **inputs_of(name)}
        symbolic = {key: keras.Input((None,), dtype="int32", name=key) for key in extra}
        for inputs in (extra, symbolic):
            with pytest.raises(ValueError, match="attention_mask, which it doesn't know"):
                shared(name)(inputs)

    def test_right_datasets_pass(self, name):
        got = arrays(shared(name).predict(dataset(inputs_of(name)), verbose=0))
        for key, value in shared_outputs(name).items():
            np.testing.assert_allclose(got[key], value, atol=1e-5)


def test_a_model_with_one_segment():
    model = keras_bert.text_classifier(keras_bert.backbone(config(num_segments=1)), 2)
    with pytest.raises(ValueError, match=r"the model has 1 of them.*Pairs of texts"):
        model(batch())


def test_no_rows():
    """A call may have none, as the last part of a batch; data may not."""
    inputs = {name: array[:0] for name, array in batch().items()}
    assert shared(NAME)(inputs).shape == (0, 3)
    for way in ("predict", "fit", "train_on_batch"):
        with pytest.raises(ValueError, match="no rows"):
            WAYS[way](inputs)


@pytest.fixture(scope="module")
def on_jax():
    """Lines CASE, WAY, what came, tab-separated, of the process that tries the same on JAX."""
    script = TESTS / "processes" / "wrong_inputs_on_jax.py"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS / "helpers"), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    return [line.split("\t") for line in run.stdout.splitlines() if line.count("\t") == 2]


def test_the_same_on_jax(on_jax):
    assert {case for case, _, _ in on_jax} == {*WRONG, *RIGHT}
    assert [line for line in on_jax if line[2] != "as expected"] == []
