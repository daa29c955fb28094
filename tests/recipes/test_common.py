"""What the recipes share: defaults, checks, results."""

import dataclasses
import math
from types import SimpleNamespace
from typing import get_args

import pytest

import keras_bert
from keras_bert.layers.lora import TARGETS
from keras_bert.recipes import common
from keras_bert.recipes.common import LoraTarget


@dataclasses.dataclass(frozen=True)
class Baking(common.FineTuning):
    """Fine-tunes bread."""

    FROM_RANDOM_WEIGHTS = (21, 2e-2)


@pytest.mark.parametrize("name", ["answer", "classify", "pair", "tag"])
def test_a_pretrained_model_is_trained_at_a_lower_rate_unless_it_is_given(load_recipe, name):
    """The rate for a tiny model from random weights would ruin it."""
    recipe = load_recipe(name)
    config = recipe.Config(pretrained="some")
    assert (config.epochs, config.learning_rate) == (3, 5e-5)
    assert recipe.Config().learning_rate >= 5e-4 and recipe.Config().epochs >= 8
    given = recipe.Config(pretrained="some", epochs=1, learning_rate=2e-4)
    assert (given.epochs, given.learning_rate) == (1, 2e-4)
    assert recipe.Config(pretrained="some", lora_rank=8).learning_rate == pytest.approx(5e-4)
    assert get_args(LoraTarget) == tuple(TARGETS)
    with pytest.raises(ValueError, match="learning_rate"):
        recipe.Config(learning_rate=0.0)


def test_pretraining_that_goes_on_has_a_lower_rate_too(load_recipe):
    pretrain = load_recipe("pretrain")
    rates = [pretrain.Config(pretrained=pretrained).learning_rate for pretrained in (None, "some")]
    assert rates == [1e-3, 5e-5]


def test_errors_of_the_library_name_the_options_that_they_come_from(small_config):
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2)
    config = Baking(pretrained="some", freeze_layers=99)
    with pytest.raises(ValueError, match=r"`freeze_layers` must be .* Received: freeze_layers=99"):
        common.what_to_train(model, config)
    with pytest.raises(ValueError, match=r"`lora_rank` must be at most .* Received: lora_rank=999"):
        common.what_to_train(model, dataclasses.replace(config, freeze_layers=None, lora_rank=999))


def test_results_are_what_json_holds(tmp_path):
    keep_best = SimpleNamespace(logs={"loss": 0.5, "accuracy": 0.1, "val_pearson": math.nan, "val_loss": 0.25})
    throughput = SimpleNamespace(results=lambda: {"steps": 3, "train_examples_per_s": None})
    config = Baking(output=tmp_path)
    assert common.results(config, keep_best, throughput, test={"f1": 0.75}) == {
        "train_loss": 0.5, "valid_pearson": None, "valid_loss": 0.25, "test_f1": 0.75, "steps": 3,
        "train_examples_per_s": None, "output": str(tmp_path),
    }  # fmt: skip
    others = common.results(Baking(), keep_best, throughput, valid={"accuracy": 1.0})
    assert others == {
        "train_loss": 0.5, "valid_accuracy": 1.0, "steps": 3, "train_examples_per_s": None, "output": None,
    }  # fmt: skip
