"""All builders in one table, and the small model, batch and targets with which the batteries try each of them.

A new builder is a line in `BUILDERS`, and its values a function in reference.py. TensorFlow isn't needed here.
"""

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np

import keras_bert

BATCH, LENGTH, VOCABULARY, HIDDEN, HEADS, INTERMEDIATE, SEGMENTS, POSITIONS = 3, 7, 29, 12, 4, 37, 3, 11
MASKED, SEQUENCES = 2, 3
SIZES = {"B": BATCH, "T": LENGTH, "D": HIDDEN, "V": VOCABULARY, "M": MASKED, "N": SEQUENCES}

ENCODER_INPUTS = ("token_ids", "segment_ids", "padding_mask")
_MLM_HEAD = HIDDEN * HIDDEN + HIDDEN + 2 * HIDDEN + VOCABULARY
_POOLER = HIDDEN * HIDDEN + HIDDEN


@dataclasses.dataclass(frozen=True)
class Builder:
    """A builder as the batteries see it.

    Args:
        build: Backbone -> model.
        outputs: Name of an output, "output" where there is one without a name -> its axes: letters of `SIZES`, digits.
        parameters: How many the model has more than its backbone, counted by hand.
        inputs: What it takes beyond the backbone's inputs.
        labels: Those that `build` gives it.
        loss: "crossentropy" of the outputs' last axis, "binary" of each of its cells, or "mse".
        layouts: Where `save_pretrained` has a place for it.
        strings: Inputs of its SavedModel that takes strings; none where there is no such SavedModel.
        task: The model's task, where it isn't the name of the builder.
        beside: What must be said to load it from a layout that has no place for it, beside the labels.
    """

    build: Callable
    outputs: dict
    parameters: int
    inputs: tuple = ()
    labels: tuple | None = None
    loss: str = "crossentropy"
    layouts: tuple = ("hugging_face", "google")
    strings: tuple = ()
    task: str | None = None
    beside: dict = dataclasses.field(default_factory=dict)


BUILDERS = {
    "backbone": Builder(
        lambda body: body,
        {"sequence_output": "BTD", "pooled_output": "BD"},
        parameters=0,
        loss="mse",
        layouts=("hugging_face", "google", "keras_hub"),
    ),
    "pretrainer": Builder(
        keras_bert.pretrainer,
        {"mlm": "BMV", "nsp": "BN2"},
        parameters=_MLM_HEAD + 2 * HIDDEN + 2,
        inputs=("mask_positions", "cls_positions"),
    ),
    "masked_language_model": Builder(
        keras_bert.masked_language_model,
        {"mlm": "BMV"},
        parameters=_MLM_HEAD - _POOLER,  # Models of tokens have no use for the pooler, so they don't hold it.
        inputs=("mask_positions",),
    ),
    "text_classifier": Builder(
        lambda body: keras_bert.text_classifier(body, 3, labels=["가", "b", "c"]),
        {"output": "B3"},
        parameters=3 * HIDDEN + 3,
        labels=("가", "b", "c"),
        layouts=("hugging_face", "google", "keras_hub"),
        strings=("text",),
    ),
    "multi_label_classifier": Builder(
        lambda body: keras_bert.text_classifier(body, 4, labels=["가", "b", "c", "d"], multi_label=True),
        {"output": "B4"},
        parameters=4 * HIDDEN + 4,
        labels=("가", "b", "c", "d"),
        loss="binary",
        layouts=("hugging_face", "google", "keras_hub"),
        strings=("text",),
        task="text_classifier",
        beside={"multi_label": True},
    ),
    "text_regressor": Builder(
        keras_bert.text_regressor,
        {"output": "B1"},
        parameters=HIDDEN + 1,
        loss="mse",
        layouts=("hugging_face", "google", "keras_hub"),
        strings=("text",),
    ),
    "text_embedder": Builder(
        lambda body: keras_bert.text_embedder(body, projections=[(5, "tanh", True)]),
        {"output": "B5"},
        parameters=5 * HIDDEN + 5 - _POOLER,
        loss="mse",
        layouts=("hugging_face",),
        strings=("text",),
    ),
    "token_classifier": Builder(
        lambda body: keras_bert.token_classifier(body, 2, labels=["O", "B-PER"]),
        {"output": "BT2"},
        parameters=2 * HIDDEN + 2 - _POOLER,
        labels=("O", "B-PER"),
        strings=("text",),
    ),
    "span_predictor": Builder(
        keras_bert.span_predictor,
        {"start_logits": "BT", "end_logits": "BT"},
        parameters=2 * HIDDEN + 2 - _POOLER,
        strings=("question", "context"),
    ),
}


def task_of(name):
    """Name of a builder -> its models' task."""
    return BUILDERS[name].task or name


def shape_of(axes):
    """Axes such as "BN2" -> their lengths."""
    return tuple(SIZES[axis] if axis in SIZES else int(axis) for axis in axes)


def config(**overrides):
    """Changed fields -> the `BertConfig` of a model of small, odd and distinct sizes."""
    fields = {
        "vocabulary_size": VOCABULARY,
        "num_layers": 2,
        "num_heads": HEADS,
        "hidden_dim": HIDDEN,
        "intermediate_dim": INTERMEDIATE,
        "max_sequence_length": POSITIONS,
        "num_segments": SEGMENTS,
    }
    return keras_bert.BertConfig(**{**fields, **overrides})


def shaken(model):
    """The model, with biases and normalizations that aren't 0 and 1."""
    rng = np.random.default_rng(3)
    for variable in model.trainable_variables:
        if len(variable.shape) == 1:
            variable.assign(variable + rng.normal(size=variable.shape) * 0.3)
    return model


def backbone(**overrides):
    """Changed fields -> a backbone with wide weights, shaken."""
    return shaken(keras_bert.backbone(config(**{"initializer_range": 0.3, **overrides})))


def build(name, **overrides):
    """Name of a builder, changed fields -> its model with wide weights, shaken."""
    return shaken(BUILDERS[name].build(backbone(**overrides)))


@functools.cache
def shared(name):
    """Name of a builder -> its model in float32, the same for all tests: to be looked at, not to be changed."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(0)
    model = build(name)
    keras.config.set_dtype_policy(policy)
    return model


# Full, with padding at the end, and three sequences in a row.
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 2, 2, 3, 0]], "int32")


def batch(mask=MASK, seed=1):
    """Padding mask [B, T] -> the backbone's inputs."""
    rng = np.random.default_rng(seed)
    return {
        "token_ids": rng.integers(0, VOCABULARY, mask.shape).astype("int32"),
        "segment_ids": rng.integers(0, SEGMENTS, mask.shape).astype("int32"),
        "padding_mask": np.array(mask, "int32"),
    }


def pretraining_batch():
    """-> the pretrainer's inputs; all positions are of real tokens."""
    return {
        **batch(),
        "mask_positions": np.array([[1, 5], [3, 0], [2, 4]], "int32"),
        "cls_positions": np.array([[0, 0, 0], [0, 0, 0], [0, 3, 5]], "int32"),
    }


def inputs_of(name):
    """Name of a builder -> a batch for its model."""
    inputs = pretraining_batch()
    return {key: inputs[key] for key in (*ENCODER_INPUTS, *BUILDERS[name].inputs)}


def targets_of(name):
    """Name of a builder -> what its model shall learn of that batch: numbers or classes."""
    rng = np.random.default_rng(2)
    targets = {}
    for output, axes in BUILDERS[name].outputs.items():
        *rows, width = shape_of(axes)
        if BUILDERS[name].loss == "mse":
            targets[output] = rng.normal(size=(*rows, width))
        elif BUILDERS[name].loss == "binary":
            targets[output] = rng.integers(0, 2, (*rows, width)).astype("float32")
        else:
            targets[output] = rng.integers(0, width, rows)
    return targets.get("output", targets)


def loss_of(name):
    """Name of a builder -> what `compile` takes as its loss."""
    by_name = {
        "mse": "mse",
        "binary": keras.losses.BinaryCrossentropy(from_logits=True),
        "crossentropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    }
    loss = by_name[BUILDERS[name].loss]
    losses = dict.fromkeys(BUILDERS[name].outputs, loss)
    return losses.get("output", losses)


def arrays(outputs):
    """A model's output, dict or not -> a dict of float32 arrays."""
    outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
    return {key: keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for key, value in outputs.items()}


@functools.cache
def shared_outputs(name):
    """Name of a builder -> what its shared model makes of its batch."""
    return arrays(shared(name)(inputs_of(name)))


def assert_equal_outputs(name, model, expected=None, tolerance=0.0):
    """Raises an `AssertionError` unless a model makes of its builder's batch what is expected.

    That are {name of an output: array}, another model, or by default the shared model.
    """
    if expected is None:
        expected = shared_outputs(name)
    if isinstance(expected, keras.Model):
        expected = arrays(expected(inputs_of(name)))
    got = arrays(model(inputs_of(name)))
    assert set(got) == set(expected) == set(BUILDERS[name].outputs)
    for key, value in got.items():
        np.testing.assert_allclose(value, expected[key], rtol=0, atol=tolerance, err_msg=key)
