"""Arrays from the graph -> plain Python values, as JSON takes them."""

import numpy as np

_decoded = np.vectorize(bytes.decode, otypes=[object])


def plain_rows(arrays):
    """Takes a batch apart into one dict for each of its rows.

    Args:
        arrays: Name -> array [B, ...] of strings, integers or floats, as TensorFlow gives them.

    Returns:
        A list of B dicts of the same names; in them str, int and float, or lists of them. What isn't finite is None.

    Example:
    >>> plain_rows({"word": np.array([b"ja", b"nein"], object), "score": np.array([0.5, np.inf], "float32")})
    [{'word': 'ja', 'score': 0.5}, {'word': 'nein', 'score': None}]
    """
    columns = [_plain(array) for array in arrays.values()]
    return [dict(zip(arrays, row, strict=True)) for row in zip(*columns, strict=True)]


def plain_parts(row, **keys):
    """Puts together what belongs together: of a row with lists of equal length, a dict for each of its parts.

    Args:
        row: A dict from `plain_rows`.
        **keys: Name in the result -> name in the row. One of them is `start`: parts without one, -1, fill the row up
            and are left out.

    Returns:
        A list of dicts.

    Example:
    >>> row = {"words": ["Ann", "left", ""], "starts": [0, 4, -1]}
    >>> plain_parts(row, word="words", start="starts")
    [{'word': 'Ann', 'start': 0}, {'word': 'left', 'start': 4}]
    """
    parts = zip(*(row[key] for key in keys.values()), strict=True)
    return [part for part in (dict(zip(keys, values, strict=True)) for values in parts) if part["start"] >= 0]


def _plain(array):
    """array -> the same as nested lists, its strings as str, None for what isn't finite."""
    if array.dtype == object:
        array = _decoded(array)
    elif array.dtype.kind == "f":
        array = np.where(np.isfinite(array), array.astype(object), None)
    return array.tolist()
