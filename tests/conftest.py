"""Small things that several test files share."""

import importlib
import json

import pytest

import keras_bert

WORDS = ["good", "dull", "book", "film", "a", "the", "##s", "very", "##y", "."]


@pytest.fixture(scope="session")
def tokenizer():
    """A tokenizer of 15 tokens."""
    return keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])


@pytest.fixture
def small_config(tokenizer):
    """A BERT so small that a step takes milliseconds."""
    return keras_bert.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=2,
        num_heads=4,
        hidden_dim=12,
        intermediate_dim=37,
        max_sequence_length=32,
    )


@pytest.fixture(scope="session")
def load_recipe():
    """Function: name of a recipe -> its module."""
    return lambda name: importlib.import_module(f"keras_bert.recipes.{name}")


@pytest.fixture(scope="session")
def dropout_rates():
    """Function: directory of a checkpoint -> the set of its dropout rates, of the encoder and of the head."""

    def rates_of(directory):
        config = json.loads((directory / "config.json").read_text())
        return {rate for name, rate in config.items() if "dropout" in name and rate is not None}

    return rates_of
