"""What the recipes share: defaults, checks, results, and a command line that says what it takes."""

import dataclasses
import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from keras_bert.recipes import common


@dataclasses.dataclass(frozen=True)
class Baking(common.FineTuning):
    """Fine-tunes bread.

    Args:
        max_length: The longest loaf.
        flour: What it is made of.
        seeds: What is strewn on it.
        salted: Whether there is salt in it.
    """

    max_length: int = 77
    flour: Literal["rye", "spelt"] | None = None
    seeds: tuple[str, ...] = ()
    salted: bool = True

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
    with pytest.raises(ValueError, match="learning_rate"):
        recipe.Config(learning_rate=0.0)


def test_pretraining_that_goes_on_has_a_lower_rate_too(load_recipe):
    pretrain = load_recipe("pretrain")
    rates = [pretrain.Config(pretrained=pretrained).learning_rate for pretrained in (None, "some")]
    assert rates == [1e-3, 5e-5]


def test_a_command_line_becomes_a_config():
    arguments = ["--flour", "rye", "--seeds", "poppy", "sesame", "--no-salted", "--train", "a.tsv", "--limit", "5"]
    config = common.parse(Baking, arguments)
    assert config == Baking(flour="rye", seeds=("poppy", "sesame"), salted=False, train=Path("a.tsv"), limit=5)
    assert type(config) is Baking
    assert (config.epochs, config.learning_rate, config.max_length) == (21, 2e-2, 77)
    with pytest.raises(ValueError, match=r"`limit` must be an integer of at least 1. Received: limit=0"):
        common.parse(Baking, ["--limit", "0"])


def test_help_has_a_value_for_each_option_and_the_defaults_that_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        common.parse(Baking, ["--help"], program="bake bread")
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "usage: bake bread" in text and "Fine-tunes bread." in text
    assert "--train PATH Examples to train on. Without it and `valid`: the English samples. --valid PATH" in text
    assert "--epochs INT Passes over the examples to train on. (default: 21; with --pretrained: 3)" in text
    assert "models want 1e-4 or more. (default: 0.02; with --pretrained: 5e-05)" in text
    assert "--max-length INT The longest loaf. (default: 77)" in text
    assert "--flour {rye,spelt} What it is made of. --seeds [STR [STR ...]] What is strewn on it. --salted" in text
    assert "(default: True)" in text
    assert "None" not in text and "(default: )" not in text


def test_without_tyro_the_command_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tyro", None)
    with pytest.raises(SystemExit, match=r"error: .*pip install 'bert-for-keras\[recipes\]'"):
        common.parse(Baking, [])


def test_a_run_prints_its_metrics_as_one_line_and_its_errors_too(capsys):
    common.run(Baking, lambda config: {"loaves": config.epochs}, ["--epochs", "3"])
    assert json.loads(capsys.readouterr().out) == {"loaves": 3}

    def burnt(config):
        raise RuntimeError("The bread is burnt.")

    with pytest.raises(SystemExit, match="error: The bread"):
        common.run(Baking, burnt, [])
    with pytest.raises(SystemExit, match="error: `epochs` must be"):
        common.run(Baking, burnt, ["--epochs", "0"])

    def stopped(config):
        raise SystemExit(75)

    with pytest.raises(SystemExit) as ended:
        common.run(Baking, stopped, [])
    assert ended.value.code == 75


def test_only_the_lines_of_tensorflows_start_are_kept_back(capfd):
    banner = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795672502.098366   11845 port.cc:153] oneDNN custom operations are on.\n"
    )
    error = "E0000 00:00:1795672502.098366   11845 cuda.cc:153] The driver is too old.\n"
    with common.without_banner():
        os.write(2, (banner + "WARNING: else\n" + error).encode())
    assert capfd.readouterr().err == "WARNING: else\n" + error
    with pytest.raises(ImportError), common.without_banner():
        os.write(2, b"no library\n")
        raise ImportError
    os.write(2, b"as before\n")
    assert capfd.readouterr().err == "no library\nas before\n"


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
