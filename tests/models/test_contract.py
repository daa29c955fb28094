"""What every builder promises: its inputs and outputs, and that its model knows its task, configuration and labels."""

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, ENCODER_INPUTS, arrays, backbone, batch, config, inputs_of, shape_of, shared, task_of


def test_the_table_has_every_builder():
    """A builder that is missing in tests/helpers/builders.py would be tried by nothing."""
    public = {name: getattr(keras_bert, name) for name in keras_bert.__all__}
    of_models = {name for name, value in public.items() if getattr(value, "__module__", "") == "keras_bert.models"}
    assert of_models == {task_of(name) for name in BUILDERS}


@pytest.mark.parametrize("name", BUILDERS)
def test_inputs_and_outputs(name):
    model = shared(name)
    assert set(model.input) == {*ENCODER_INPUTS, *BUILDERS[name].inputs}
    assert all(tensor.dtype == "int32" and tuple(tensor.shape) == (None, None) for tensor in model.input.values())
    shapes = {key: shape_of(axes) for key, axes in BUILDERS[name].outputs.items()}
    outputs = model(inputs_of(name))
    assert {key: value.shape for key, value in arrays(outputs).items()} == shapes
    symbolic = model.output if isinstance(model.output, dict) else {"output": model.output}
    assert set(symbolic) == set(shapes)
    for key, tensor in symbolic.items():
        assert len(tensor.shape) == len(shapes[key])
        assert tensor.shape[-1] in (None, shapes[key][-1])


@pytest.mark.parametrize("name", BUILDERS)
def test_every_model_has_the_config_of_its_backbone(name):
    c = config(
        dropout=0.2, attention_dropout=0.3, activation="gelu_tanh", layer_norm_epsilon=1e-7, initializer_range=0.04
    )
    assert BUILDERS[name].build(keras_bert.backbone(c)).config == c


@pytest.mark.parametrize("name", BUILDERS)
def test_task_and_labels(name):
    model = shared(name)
    assert (model.task, model.labels) == (task_of(name), BUILDERS[name].labels)
    assert model.multi_label == (BUILDERS[name].loss == "binary")
    assert keras_bert.models.check_built(model) == task_of(name)


def test_a_head_shares_the_weights_of_its_backbone():
    model = backbone()
    classifier, tagger = (BUILDERS[name].build(model) for name in ("text_classifier", "token_classifier"))
    before = np.array(tagger(batch()))
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    classifier.fit(batch(), np.array([0, 1, 2]), verbose=0)
    assert np.abs(tagger(batch()) - before).max() > 1e-4
