"""What the models compute, and how many parameters they have: judged by an independent reference and by hand."""

import math

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, arrays, backbone, batch, build, config, inputs_of, shared
from keras_bert import BertConfig
from reference import outputs_of


def test_backbone_equals_the_reference():
    model = backbone(num_layers=3)
    outputs = arrays(model(batch()))
    for key, expected in outputs_of("backbone", model, batch()).items():
        np.testing.assert_allclose(outputs[key], expected, atol=1e-5)


@pytest.mark.parametrize("policy, tolerance", [("float32", 1e-5), ("float64", 2e-6)])
@pytest.mark.parametrize("name", BUILDERS)
def test_every_output_equals_the_reference(name, policy, tolerance):
    """Under float64 the logits are float32 still."""
    keras.config.set_dtype_policy(policy)
    model = shared(name) if policy == "float32" else build(name)
    outputs, expected = arrays(model(inputs_of(name))), outputs_of(name, model, inputs_of(name))
    assert set(outputs) == set(expected) == set(BUILDERS[name].outputs)
    for key, value in outputs.items():
        np.testing.assert_allclose(value, expected[key], rtol=0, atol=tolerance, err_msg=key)


def test_the_reference_can_tell():
    """Each part of the arithmetic counts: without it the reference gives something else."""
    model = backbone()
    sequence_output = outputs_of("backbone", model, batch())["sequence_output"]
    for variable in model.trainable_variables:
        if variable.path.startswith("pooler"):
            continue
        kept = keras.ops.convert_to_numpy(variable)
        variable.assign(kept + np.linspace(0.1, 0.4, kept.size).reshape(kept.shape))
        changed = outputs_of("backbone", model, batch())["sequence_output"]
        assert np.abs(changed - sequence_output).max() > 1e-3, variable.path
        variable.assign(kept)


def parameters(c):
    """The count by hand."""
    d, i = c.hidden_dim, c.intermediate_dim
    embedding = (c.vocabulary_size + c.max_sequence_length + c.num_segments) * d + 2 * d
    encoder = (3 * d * d + 3 * d) + (d * d + d) + 2 * d + (d * i + i) + (i * d + d) + 2 * d
    return embedding + c.num_layers * encoder + d * d + d


@pytest.mark.parametrize("size, count", [("base", 109_482_240), ("large", 335_141_888)])
def test_parameters_of_published_sizes(monkeypatch, size, count):
    monkeypatch.setattr(  # drawing 335 million random numbers takes ten seconds
        keras.initializers.TruncatedNormal, "__call__", lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype)
    )
    assert parameters(BertConfig.named(size)) == count
    model = keras_bert.backbone(BertConfig.named(size))
    assert model.count_params() == count
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == count


@pytest.mark.parametrize("name", BUILDERS)
def test_parameters_of_every_model(name):
    assert shared(name).count_params() == parameters(config()) + BUILDERS[name].parameters
