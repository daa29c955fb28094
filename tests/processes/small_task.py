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


def texts(rng, rows):
    """generator, number of rows -> inputs of ordinary rows, some of them with padding."""
    x = inputs(rng, rows)
    return x | {"padding_mask": np.minimum(x["padding_mask"], 1)}


def ranking(rng, rows):
    """generator, number of rows -> inputs, targets: triplets and pairs, some anchors and positives the same."""
    x, y = texts(rng, max(rows, 2)), []
    for first in range(0, max(rows, 2) - 1, 2):
        group = range(2 if max(rows, 2) - first != 3 else 3)  # an odd number of rows ends in a triplet
        y += [(first, role, first + role) for role in group]
    y = np.array(y, "int32")
    if rows > 5:
        x["token_ids"][3], y[3, 2] = x["token_ids"][1], y[1, 2]  # the second positive is the first
    return x, y


def similarity(rng, rows):
    """generator, number of rows -> inputs of an even number of rows, targets: pairs with scores, two of them equal."""
    rows += rows % 2
    scores = np.repeat(rng.integers(0, 3, rows // 2), 2)
    return texts(rng, rows), np.stack([np.repeat(np.arange(rows // 2), 2), scores], axis=1).astype("float32")
