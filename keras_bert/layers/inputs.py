"""What a BERT takes: token ids, segments, masks and positions; checked by value where the values are known.

In a graph or under a trace they aren't. There the embedding gives NaN for what it has no vector for.
"""

import re
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

OF_TOKENS = ("token_ids", "segment_ids", "padding_mask")
NAMES = (*OF_TOKENS, "mask_positions", "cls_positions")


def check_names(inputs, names):
    """Whatever a model is called with, the names of its inputs -> a dict of them; a `ValueError` for any other."""
    expected = f"The model takes a dict with the keys {', '.join(names)}."
    if not isinstance(inputs, Mapping):
        raise ValueError(f"{expected} Received: {type(inputs).__name__}.")
    missing, unknown = [name for name in names if name not in inputs], [name for name in inputs if name not in names]
    if missing or unknown:
        faults = [f"without {', '.join(missing)}"] * bool(missing)
        faults += [f"with {', '.join(map(str, unknown))}, which it doesn't know"] * bool(unknown)
        raise ValueError(f"{expected} Received: {', '.join(map(str, inputs)) or 'none'}; {' and '.join(faults)}.")
    return {name: inputs[name] for name in names}


def check_specs(inputs):
    """{name: what has a shape and a type} of a BERT's inputs -> None; a `ValueError` if they can't belong together."""
    shapes = {}
    for name, value in inputs.items():
        shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", type(value).__name__)
        if not re.match("u?int|bool|b?float", getattr(dtype, "name", str(dtype).removeprefix("torch."))):
            raise ValueError(f"`{name}` must be integers, rows of equal length. Received: {dtype}.")
        if getattr(shape, "rank", 0) is None:
            continue
        shapes[name] = tuple(shape)
        if len(shape) != 2 and not (len(shape) == 3 and shape[2] == 1):
            raise ValueError(
                f"`{name}` must have the shape [rows, tokens]. Received: shape={tuple(shape)}. A single row is "
                "[row]; a dataset of rows wants `.batch(...)`."
            )
    of_tokens = [name for name in OF_TOKENS if name in shapes]
    for axis, of_axis in enumerate((shapes, of_tokens)):
        if len({shapes[name][axis] for name in of_axis} - {None}) > 1:
            each = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise ValueError(f"All inputs must have as many {('rows', 'tokens')[axis]}. Received: {each}.")
    for name in of_tokens:
        if shapes[name][1] == 0:
            raise ValueError(f"`{name}` has rows without tokens: shape={shapes[name]}. A text has [CLS] and [SEP].")


def known(value):
    """A tensor, an array, lists -> its NumPy array, with 0 where ragged rows end; None in a graph or under a trace."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, keras.KerasTensor) or hasattr(value, "op"):  # a tensor of TensorFlow's in a graph
        return None
    try:
        return ops.convert_to_numpy(value)
    except (NotImplementedError, TypeError):  # rows of no known lengths in a graph, JAX's tracers
        return None


def _whole_numbers(name, array):
    """Name, an array -> the same as integers; a `ValueError` unless they are whole numbers without doubt."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "iub":
        return array.astype("int32") if kind == "b" else array
    if kind == "f" or array.dtype.name == "bfloat16":
        numbers = array.astype("float64")
        # Types of two bytes round larger numbers.
        wrong = ~np.isfinite(numbers) | (numbers != np.floor(numbers)) | ((size < 4) & (np.abs(numbers) >= 256))
        if not wrong.any():
            return numbers.astype("int64")
        place = _first(wrong)
        raise ValueError(
            f"`{name}` must be integers. Received: {_at(name, place)} is {numbers[place]} ({array.dtype})."
        )
    what = "None" if array.ndim == 0 and array.item() is None else array.dtype
    raise ValueError(f"`{name}` must be integers, rows of equal length. Received: {what}.")


def _first(wrong):
    """Booleans, some of them True -> the indices of the first."""
    return np.unravel_index(np.argmax(wrong), wrong.shape)


def _at(name, place):
    """Name, indices -> how Python writes that cell."""
    return f"{name}[{', '.join(map(str, place))}]"


def check_inputs(inputs, limits):
    """Checks the values of a BERT's inputs.

    Args:
        inputs: {name: what was given}: tensors of any backend, arrays or lists, of whole numbers in any type.
        limits: What has `vocabulary_size`, `num_segments` and `max_sequence_length`: the embedding, or a config.

    Returns:
        {name: int32 array or tensor}; what came as int32 is the same object, and so is what isn't known yet.

    Raises:
        ValueError: If shapes don't belong together, or a value is one that the model has no vector for.

    Example:
    >>> ids = [[2, 9, 3, 0]]
    >>> inputs = {"token_ids": ids, "segment_ids": np.zeros((1, 4)), "padding_mask": np.array(ids) > 0}
    >>> check_inputs(inputs, keras_bert.BertConfig.named("tiny"))["padding_mask"].tolist()
    [[1, 1, 1, 0]]
    """
    arrays = {}
    for name in (name for name in NAMES if name in inputs):
        try:
            array = known(inputs[name])
        except ValueError as error:  # NumPy's, for lists of different lengths
            raise ValueError(f"`{name}` must be integers, rows of equal length. Pad the rows with 0.") from error
        if array is not None:
            arrays[name] = _whole_numbers(name, array)
    given = {name: arrays.get(name, value) for name, value in inputs.items() if name in NAMES}
    check_specs({name: value for name, value in given.items() if hasattr(value, "shape")})
    arrays = {name: array.reshape(array.shape[:2]) for name, array in arrays.items()}
    tokens = next((array.shape[1] for name, array in arrays.items() if name in OF_TOKENS), None)
    _check_ranges(arrays, tokens, limits)
    _check_lengths(arrays.get("padding_mask"), tokens, limits.max_sequence_length)
    return inputs | {name: array.astype("int32") for name, array in arrays.items() if not _is_int32(inputs[name])}


def _is_int32(value):
    """What came as an input -> whether it can stay as it is."""
    is_dense = hasattr(value, "__array__") and hasattr(value, "dtype") and len(value.shape) == 2
    return is_dense and keras.backend.standardize_dtype(value.dtype) == "int32"


def _check_ranges(arrays, tokens, limits):
    """{name: integers}, tokens of a row or None, the model's limits -> None; a `ValueError` for what is outside."""
    in_row = None if tokens is None else (tokens, f"a row has {tokens} tokens, at 0 to {tokens - 1}.")
    ranges = {
        "token_ids": (
            limits.vocabulary_size,
            f"the model has {limits.vocabulary_size} tokens: their ids are 0 to {limits.vocabulary_size - 1}. "
            "Take the tokenizer that belongs to the model.",
        ),
        "segment_ids": (
            limits.num_segments,
            f"the model has {limits.num_segments} of them, from 0: segment_ids must be less than "
            f"{limits.num_segments}. Pairs of texts want a model with two.",
        ),
        "padding_mask": tokens
        and (
            tokens + 1,
            "it must be 0 for padding and 1 for tokens; where rows are packed, k for the k-th sequence of its row, so "
            f"at most {tokens} here.",
        ),
        "mask_positions": in_row,
        "cls_positions": in_row,
    }
    for name, array in arrays.items():
        if ranges[name] and array.size and (array.min() < 0 or array.max() >= ranges[name][0]):
            limit, expected = ranges[name]
            place = _first((array < 0) | (array >= limit))
            raise ValueError(f"{_at(name, place)} is {array[place]}, and {expected}")


def _check_lengths(mask, tokens, positions):
    """mask [B, T] or None for one sequence a row, T or None, the model's positions -> None; or a `ValueError`."""
    if tokens is None or tokens <= positions:
        return
    if mask is None:
        raise ValueError(too_long(0, tokens, positions))
    numbers = np.sort(mask, axis=1)  # a sequence is too long if its number stands in two cells that far apart
    long = (numbers[:, positions:] > 0) & (numbers[:, positions:] == numbers[:, :-positions])
    if long.any():
        row = int(np.argmax(long.any(axis=1)))
        raise ValueError(too_long(row, max(np.bincount(mask[row])[1:]), positions))


def too_long(row, tokens, positions):
    """Number of a row, tokens of a sequence in it, the model's positions -> what to say."""
    return (
        f"Row {row} has a sequence of {tokens} tokens, and the model has {positions} positions "
        f"(max_sequence_length={positions}). Cut the texts, or split them into windows (`max_length`, `stride`)."
    )


def as_int32(value):
    """A tensor of any type, known or not -> int32, with -1 for what isn't a whole number of int32 without doubt."""
    value = ops.convert_to_tensor(value)
    dtype = keras.backend.standardize_dtype(value.dtype)
    if dtype == "int32":
        return value
    number = ops.cast(value, "int32")
    if dtype == "bool":
        return number
    if dtype in ("float16", "bfloat16"):  # they round larger numbers
        number = ops.where(number < 256, number, -1)
    return ops.where(ops.cast(number, dtype) == value, number, -1)
