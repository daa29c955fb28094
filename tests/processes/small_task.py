"""Batches of random numbers and a small model, for the processes beside this file."""

import numpy as np

from keras_bert import BertConfig

LENGTH, VOCABULARY = 12, 29


def config():
    """-> BertConfig of a model without dropout, so that what it learns doesn't depend on where it is computed."""
    return BertConfig(
        vocabulary_size=VOCABULARY,
        num_layers=2,
        num_heads=4,
        hidden_dim=12,
        intermediate_dim=37,
        max_sequence_length=16,
        dropout=0.0,
        attention_dropout=0.0,
    )


def inputs(rng, rows):
    """generator, number of rows -> inputs of packed rows, some of them with padding."""
    mask = np.ones((rows, LENGTH), "int32")
    mask[:, 7:] = 2
    mask[::3, 10:] = 0
    return {
        "token_ids": rng.integers(5, VOCABULARY, (rows, LENGTH), "int32"),
        "segment_ids": rng.integers(0, 2, (rows, LENGTH), "int32"),
        "padding_mask": mask,
    }


def pretraining(rng, rows):
    """generator, number of rows -> inputs, labels, weights; rows differ in how many masked words and pairs count."""
    masked, cls = rng.integers(0, LENGTH, (rows, 4), "int32"), np.tile(np.array([0, 7], "int32"), (rows, 1))
    x = inputs(rng, rows) | {"mask_positions": masked, "cls_positions": cls}
    y = {"mlm": rng.integers(5, VOCABULARY, (rows, 4)), "nsp": rng.integers(0, 2, (rows, 2))}
    weights = {"mlm": rng.random((rows, 4)) < 0.6, "nsp": rng.random((rows, 2)) < 0.7}
    return x, y, {name: value.astype("float32") for name, value in weights.items()}


def classification(rng, rows):
    """generator, number of rows -> inputs, labels."""
    return inputs(rng, rows), rng.integers(0, 3, rows)


def tagging(rng, rows):
    """generator, number of rows -> inputs, labels, weights; half of the tokens count."""
    weights = (rng.random((rows, LENGTH)) < 0.5).astype("float32")
    return inputs(rng, rows), rng.integers(0, 3, (rows, LENGTH)), weights
