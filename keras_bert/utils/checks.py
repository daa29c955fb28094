"""Checks of arguments: each returns the value in its plain Python type, or says what came and what was expected."""

import math
import numbers


def check_positive_integer(name, value):
    """Name, an integer of at least 1 -> int; else a `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1. Received: {name}={value!r}.")
    return int(value)


def check_rate(name, value):
    """Name, a dropout rate in [0, 1) -> float; else a `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be a number of at least 0 and less than 1. Received: {name}={value!r}.")
    return float(value)


def check_share(name, value):
    """Name, a number from 0 to 1 -> float; else a `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number from 0 to 1. Received: {name}={value!r}.")
    return float(value)


def check_boolean(name, value):
    """Name, True or False -> the value; else a `ValueError`."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}.")
    return value


def check_one_of(name, value, accepted):
    """Name of an argument, its value, the strings that it may be -> the value; a `ValueError` for any other."""
    if not isinstance(value, str) or value not in accepted:
        raise ValueError(f"`{name}` must be one of {', '.join(accepted)}. Received: {name}={value!r}.")
    return value


def check_range(name, value):
    """Name of an argument, its value -> two floats; a `ValueError` unless they are numbers, the lower first."""
    try:
        low, high = map(float, value)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ValueError(f"`{name}` must be a pair of numbers, the lower first. Received: {name}={value!r}.")
    return low, high


def check_positive_number(name, value):
    """Name, a finite number greater than 0 -> float; else a `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be a finite number greater than 0. Received: {name}={value!r}.")
    return float(value)


def check_divides(divisor_name, divisor, name, value):
    """Two integers by name -> None; a `ValueError` unless the first divides the second."""
    if value % divisor:
        raise ValueError(f"`{divisor_name}` must divide `{name}`. Received: {divisor_name}={divisor}, {name}={value}.")


def check_names(name, value, count_name, count):
    """Name, a sequence of different non-empty strings, how many by name -> tuple of str; else a `ValueError`."""
    are_names = isinstance(value, (list, tuple)) and all(isinstance(item, str) and item for item in value)
    if not are_names or len(value) != count or len({*value}) != count:
        raise ValueError(
            f"`{name}` must be a list of {count_name}={count} different names. Received: {name}={value!r}."
        )
    return tuple(value)


def check_classes(num_classes, labels, least=2):
    """number of classes, their names or None, how many there must be at least -> the names as a tuple, or None."""
    if check_positive_integer("num_classes", num_classes) < least:
        raise ValueError(
            "`num_classes` must be at least 2: with a single class every answer is that class. For a score, build a "
            "text_regressor; for texts that have a label or not, a text_classifier with multi_label=True. "
            "Received: num_classes=1."
        )
    return None if labels is None else check_names("labels", labels, "num_classes", num_classes)


def check_thresholds(name, value, count):
    """Name, a number of [0, 1] or one for each class, number of classes -> tuple of floats; else a `ValueError`."""
    values = [value] * count if isinstance(value, numbers.Real) and not isinstance(value, bool) else value
    are_values = isinstance(values, (list, tuple)) or getattr(values, "ndim", None) == 1
    if are_values and len(values) == count and all(isinstance(one, numbers.Real) and 0 <= one <= 1 for one in values):
        return tuple(map(float, values))
    raise ValueError(
        f"`{name}` must be a number from 0 to 1, or a list of {count}, one for each class. Received: {name}={value!r}."
    )


def check_vectors(name, shape, hidden_dim):
    """Name, a shape [B, T, D], D -> None; a `ValueError` if the shape is another."""
    if len(shape) != 3 or shape[-1] != hidden_dim:
        raise ValueError(
            f"`{name}` must have shape [batch, tokens, hidden_dim={hidden_dim}]. Received: shape={tuple(shape)}."
        )


def check_same_lengths(gold, predicted):
    """two lists of sequences -> None; a `ValueError` unless they have the same lengths, and something in them."""
    lengths, others = [len(tags) for tags in gold], [len(tags) for tags in predicted]
    if lengths != others:
        raise ValueError(
            f"Each right answer needs a predicted one. Received: {sum(lengths)} and {sum(others)}, in {len(lengths)} "
            f"and {len(others)} sequences."
        )
    if not sum(lengths):
        raise ValueError("There is nothing to score: `gold` is empty.")


def check_encodable(text, where):
    """A string, where it stands -> None; a `ValueError` if it has half a surrogate pair, which UTF-8 can't write."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} has half of a surrogate pair, as JSON may have it in \\ud83d, which is no character: "
            f"{text[max(0, error.start - 20) : error.end + 20]!r}. Correct or remove it."
        ) from error


def some_of(items):
    """Strings -> the first five of them as one string, for a message, with how many more there are; or "none"."""
    items = list(items)
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "") if items else "none"


def check_weight(what, value):
    """What it is of, a weight -> a float; a `ValueError` unless it is a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value < math.inf:
        raise ValueError(f"{what} must be a finite number of at least 0. Received: {value!r}.")
    return float(value)
