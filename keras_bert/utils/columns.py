"""What users give as texts: one string or many, in whatever holds strings; and an error that names the wrong one."""

from collections.abc import Iterable, Mapping

import numpy as np

from keras_bert.utils.checks import check_encodable


def rows_of(names, columns, named_columns):
    """Puts columns of strings together to rows.

    Args:
        names: Names of the columns that are wanted.
        columns: Columns by position: each a string, or N strings.
        named_columns: Name -> column.

    Returns:
        A list of N tuples of strings, and whether all columns were single strings.

    Raises:
        ValueError: If a column is missing or one too many, they aren't of the same length, or hold something else.

    Example:
    >>> rows_of(("question", "context"), ["Who?"], {"context": ["Ann.", "Lee."]})
    ([('Who?', 'Ann.'), ('Who?', 'Lee.')], False)
    """
    given = [*names[: len(columns)], *named_columns]
    if len(columns) > len(names) or sorted(given) != sorted(names):
        raise ValueError(
            f"This model takes {' and '.join(f'`{name}`' for name in names)}: a string or a list of strings for "
            f"each. Received: {len(columns)} by position and {', '.join(named_columns) or 'none'} by name."
        )
    by_name = dict(zip(names, columns, strict=False)) | named_columns
    columns = {name: strings_of(name, by_name[name]) for name in names}
    lengths = {name: len(texts) for name, (texts, is_one) in columns.items() if not is_one}
    if len({*lengths.values()}) > 1:
        found = " and ".join(f"{length} in `{name}`" for name, length in lengths.items())
        raise ValueError(
            f"Each text needs its partner. Received: {found}. Give lists of the same length, or one string to go with "
            "each of a list."
        )
    count = max(lengths.values(), default=1)
    repeated = [texts * count if is_one else texts for texts, is_one in columns.values()]
    return list(zip(*repeated, strict=True)), not lengths


def decoded(text):
    """str or bytes -> str, with U+FFFD for what isn't UTF-8."""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def strings_of(name, values):
    """Takes one string, or many, out of what holds them.

    Args:
        name: What the argument is called, for errors.
        values: A str or bytes, or any iterable of them: a list, a NumPy array, a pandas Series, a string tensor.

    Returns:
        A list of str and bytes, and a bool: whether it was one string alone.

    Raises:
        ValueError: If it is no such thing, or one of the texts isn't a string, or has half of a surrogate pair.

    Example:
    >>> strings_of("texts", "to be"), strings_of("texts", np.array(["to be", "or"]))
    ((['to be'], True), ([np.str_('to be'), np.str_('or')], False))
    >>> strings_of("texts", ["to be", None])
    Traceback (most recent call last):
    ValueError: In `texts`, text 1 from 0 must be a string. Received: None. It is missing: leave it out, or give "" in
    its place.
    """
    if hasattr(values, "numpy"):  # a tensor
        values = values.numpy()
    if isinstance(values, np.ndarray) and values.ndim == 0:
        values = values.item()
    is_one = isinstance(values, (str, bytes))
    texts = [values] if is_one else _listed(name, values)
    for number, text in enumerate(texts):
        _check_text(text, f"`{name}`" if is_one else f"In `{name}`, text {number} from 0")
    return texts, is_one


def _listed(name, values):
    """name, an iterable of one axis -> a list; else a `ValueError`."""
    is_table = isinstance(values, Mapping) or getattr(values, "ndim", 1) > 1  # a DataFrame has two axes
    if is_table or not isinstance(values, Iterable):
        raise ValueError(
            f"`{name}` must be one string, or a list of strings. Received: {type(values).__name__} {values!r:.80}. "
            + ("Give the column that has the texts." if is_table else "Make a string of it.")
        )
    return list(values)


def _check_text(text, where):
    """a text, where it stands -> None; a `ValueError` unless it is a string that UTF-8 can write."""
    if isinstance(text, str):
        check_encodable(text, where)
    elif not isinstance(text, bytes):
        raise ValueError(f"{where} must be a string. Received: {text!r:.80}. {_mend(text)}")


def _mend(value):
    """something that is no string -> what to do about it."""
    if value is None or str(value) in ("nan", "<NA>"):
        return 'It is missing: leave it out, or give "" in its place.'
    if isinstance(value, (list, tuple, np.ndarray)):
        return "Give one flat list of strings; of pairs, two lists: the first texts and the second ones."
    return "Make a string of it."


def free_name(name, taken):
    """a column's name, those that are taken -> the first of name, name_2, name_3 ... that isn't.

    >>> free_name("id", {"id", "id_2"})
    'id_3'
    """
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
