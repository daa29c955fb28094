"""BertConfig: the published sizes, and that a wrong field is refused."""

import dataclasses

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert import BertConfig

SIZES = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "intermediate_dim", "max_sequence_length",
         "num_segments")  # fmt: skip


@pytest.mark.parametrize(
    "size, num_layers, hidden_dim, num_heads, intermediate_dim",
    [
        ("tiny", 2, 128, 2, 512),
        ("mini", 4, 256, 4, 1024),
        ("small", 4, 512, 8, 2048),
        ("medium", 8, 512, 8, 2048),
        ("base", 12, 768, 12, 3072),
        ("large", 24, 1024, 16, 4096),
    ],
)
def test_named_sizes(size, num_layers, hidden_dim, num_heads, intermediate_dim):
    config = BertConfig.named(size)
    assert (config.num_layers, config.hidden_dim, config.num_heads) == (num_layers, hidden_dim, num_heads)
    assert config.intermediate_dim == intermediate_dim


def test_defaults_are_bert_base_uncased():
    assert BertConfig() == BertConfig.named("base")
    assert dataclasses.asdict(BertConfig()) == {
        "vocabulary_size": 30522,
        "num_layers": 12,
        "num_heads": 12,
        "hidden_dim": 768,
        "intermediate_dim": 3072,
        "max_sequence_length": 512,
        "num_segments": 2,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "activation": "gelu",
        "layer_norm_epsilon": 1e-12,
        "initializer_range": 0.02,
    }


def test_named_takes_overrides():
    config = BertConfig.named("mini", vocabulary_size=29, intermediate_dim=37, dropout=0.0)
    assert (config.vocabulary_size, config.intermediate_dim, config.dropout) == (29, 37, 0.0)
    assert config.hidden_dim == 256


def test_an_override_of_none_leaves_the_field_as_it_is():
    assert BertConfig.named("mini", dropout=None, hidden_dim=None) == BertConfig.named("mini")


def test_frozen_and_hashable():
    config = BertConfig.named("tiny")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.hidden_dim = 12
    assert len({config, BertConfig.named("tiny"), BertConfig.named("mini")}) == 2


def test_replace_checks_again():
    with pytest.raises(ValueError, match="num_heads"):
        dataclasses.replace(BertConfig(), num_heads=7)


@pytest.mark.parametrize("size", ["huge", "", "Base", None, 12])
def test_unknown_size(size):
    with pytest.raises(ValueError, match="tiny, mini, small, medium, base, large"):
        BertConfig.named(size)


@pytest.mark.parametrize("field", SIZES)
@pytest.mark.parametrize("value", [0, -1, 4.0, True, "4", None])
def test_sizes_are_positive_integers(field, value):
    with pytest.raises(ValueError, match=f"`{field}`"):
        BertConfig(**{field: value})


def test_numpy_integers_are_integers():
    assert BertConfig(hidden_dim=np.int64(12), num_heads=np.int32(4)).hidden_dim == 12


@pytest.mark.parametrize("field", ["dropout", "attention_dropout"])
@pytest.mark.parametrize("value", [1.0, 1, -0.1, float("nan"), True, "0.1", None])
def test_rates_are_below_one(field, value):
    with pytest.raises(ValueError, match=f"`{field}`"):
        BertConfig(**{field: value})


@pytest.mark.parametrize("field", ["layer_norm_epsilon", "initializer_range"])
@pytest.mark.parametrize("value", [0, 0.0, -1e-12, float("nan"), "1e-12", None])
def test_epsilon_and_range_are_positive_numbers(field, value):
    with pytest.raises(ValueError, match=f"`{field}`"):
        BertConfig(**{field: value})


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="num_heads=5, hidden_dim=12"):
        BertConfig(num_heads=5, hidden_dim=12)


@pytest.mark.parametrize("activation", ["no_such_activation", None, 5, keras.activations.relu])
def test_unknown_activation(activation):
    with pytest.raises(ValueError, match="activation"):
        BertConfig(activation=activation)


def test_tanh_gelu_is_known():
    assert BertConfig(activation="gelu_tanh").activation == "gelu_tanh"


def test_numpy_integers_build_and_save(tmp_path):
    """What a data frame or an array gives as a size reaches Keras as a plain integer."""
    config = BertConfig(
        vocabulary_size=np.int64(29), num_layers=1, num_heads=np.int32(4), hidden_dim=np.int64(12), intermediate_dim=37
    )
    keras_bert.backbone(config).save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").config == config
    assert type(config.hidden_dim) is int
