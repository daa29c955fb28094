"""Inputs that no model of tests/helpers/builders.py can take, and some that it can. TensorFlow isn't needed here."""

import numpy as np

from builders import BATCH, LENGTH, POSITIONS, SEGMENTS, VOCABULARY, batch


def _changed(name, value, dtype="int32"):
    """-> the batch, with one cell of an input changed."""
    inputs = batch()
    array = inputs[name].astype(dtype)
    array[1, 2] = value
    return {**inputs, name: array}


_LONG = np.ones((BATCH, POSITIONS + 2), "int32")
_MASK = batch()["padding_mask"]

# What is wrong by value: NaN in a graph, where int32 can hold it.
BY_VALUE = {
    "id past the vocabulary": (_changed("token_ids", VOCABULARY), r"token_ids\[1, 2\] is 29, .* 29 tokens"),
    "negative id": (_changed("token_ids", -1), r"token_ids\[1, 2\] is -1"),
    "segment past the last": (_changed("segment_ids", SEGMENTS), r"segment_ids\[1, 2\] is 3"),
    "negative segment": (_changed("segment_ids", -1), r"segment_ids\[1, 2\] is -1"),
    "additive mask": ({**batch(), "padding_mask": np.where(_MASK, 0, -10000)}, r"padding_mask\[1, 4\] is -10000"),
    "token ids as mask": ({**batch(), "padding_mask": batch()["token_ids"] + 8}, "at most 7"),
    "too long": (
        {"token_ids": _LONG, "segment_ids": 0 * _LONG, "padding_mask": _LONG},
        "Row 0 has a sequence of 13 tokens, and the model has 11 positions",
    ),
    "too long in a packed row": (
        {"token_ids": _LONG, "segment_ids": 0 * _LONG, "padding_mask": _LONG + (np.arange(13) < 1)},
        "Row 0 has a sequence of 12 tokens",
    ),
}
BY_TYPE = {
    "id past int32": (_changed("token_ids", 2**32 + 3, "int64"), "is 4294967299"),
    "id with a fraction": (_changed("token_ids", 5.7, "float64"), r"must be integers.*5\.7"),
    "mask of halves": ({**batch(), "padding_mask": _MASK * 0.5}, r"must be integers.*0\.5"),
    "infinite mask": ({**batch(), "padding_mask": np.where(_MASK, 0, -np.inf)}, "must be integers.*-inf"),
    "rounded ids": (_changed("token_ids", 2049, "float16"), "must be integers.*float16"),
}
BY_SHAPE = {
    "one id a row": (
        {**batch(), "token_ids": batch()["token_ids"][:, :1]},
        r"as many tokens.*token_ids \((3|None), 1\)",
    ),
    "one mask a row": ({**batch(), "padding_mask": _MASK[:, :1]}, "as many tokens"),
    "longer mask": ({**batch(), "padding_mask": np.ones((BATCH, LENGTH + 1), "int32")}, "as many tokens"),
    "no tokens": ({name: array[:, :0] for name, array in batch().items()}, "rows without tokens"),
    "complex ids": ({**batch(), "token_ids": batch()["token_ids"] * 1j}, "must be integers.*complex"),
    "strings": ({**batch(), "token_ids": np.full((BATCH, LENGTH), "a")}, "must be integers"),
    "other names": ({**batch(), "attention_mask": _MASK}, "with attention_mask, which it doesn't know"),
    "a name too few": (
        {name: array for name, array in batch().items() if name != "segment_ids"},
        "without segment_ids",
    ),
}
OF_ARRAYS = {
    "one row of segments": ({**batch(), "segment_ids": batch()["segment_ids"][:1]}, "as many rows"),
    "transposed mask": ({**batch(), "padding_mask": _MASK.T}, "as many rows"),
    "one row": ({name: array[0] for name, array in batch().items()}, r"shape \[rows, tokens\].*\(7,\)"),
    "lists of different lengths": ({**batch(), "token_ids": [[1, 2], [3], [4, 5, 6]]}, "rows of equal length"),
    "None": ({**batch(), "segment_ids": None}, "Received: None"),
    "objects": ({**batch(), "token_ids": batch()["token_ids"].astype(object)}, "Received: object"),
    "arrays without names": ([*batch().values()], "takes a dict with the keys token_ids, .* Received: list"),
    "an array": (batch()["token_ids"], "takes a dict with the keys token_ids, .* Received: ndarray"),
}
WRONG = BY_VALUE | BY_TYPE | BY_SHAPE | OF_ARRAYS

# All of them are the batch itself.
RIGHT = {
    **{
        dtype: {name: array.astype(dtype) for name, array in batch().items()} for dtype in ("int64", "uint8", "float32")
    },
    "half precision": {name: array.astype("float16") for name, array in batch().items()},
    "lists": {name: array.tolist() for name, array in batch().items()},
    "a last axis of 1": {name: array[..., None] for name, array in batch().items()},
}
