"""Small things that several test files share."""

import os
from pathlib import Path

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
def shared_data():
    """The folder of real data beside the repository, where there is one."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data is not on this machine: no folder ../shared/data beside the repository")
    return folder


@pytest.fixture(scope="session")
def minilm():
    """The directory of a real pretrained BERT."""
    if "KERAS_BERT_MINILM" not in os.environ:
        pytest.skip("KERAS_BERT_MINILM names no directory with the all-MiniLM-L6-v2 checkpoint")
    return Path(os.environ["KERAS_BERT_MINILM"])
