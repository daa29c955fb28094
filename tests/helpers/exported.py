"""What the tests of exported graphs share: a tokenizer for the small models, and when outputs are equal."""

import numpy as np

import keras_bert
from builders import VOCABULARY, arrays


def small_tokenizer():
    """-> a `WordPieceTokenizer` with as many tokens as the builders' small models."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(VOCABULARY - 5))]
    return keras_bert.WordPieceTokenizer(tokens)


def expected_of(model, inputs):
    """A model, its inputs -> its outputs by the names that a graph has for them."""
    outputs = arrays(model(inputs))
    name = "embedding" if model.task == "text_embedder" else "logits"
    return {name: outputs["output"]} if list(outputs) == ["output"] else outputs


def assert_close(got, expected, tolerance=1e-5):
    """Raises an `AssertionError` unless {name: array} have the names, shapes and values that are expected."""
    assert got.keys() == expected.keys()
    for key, value in expected.items():
        assert (got[key].shape, got[key].dtype) == (value.shape, np.float32)
        np.testing.assert_allclose(got[key], value, rtol=0, atol=tolerance, err_msg=key)
