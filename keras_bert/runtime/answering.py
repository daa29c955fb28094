"""What all that answers strings shares: how it is called, and plain numbers."""

import math

import numpy as np

from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.columns import decoded, rows_of


class Answering:
    """Strings in, answers out; called as a `Predictor` is.

    Args:
        engine: An `Engine`.
        labels: Names of the classes in the order of the logits, or None.
        input_names: Names of the columns that it takes.

    Attributes:
        labels: The same, as a tuple.
        session: The `onnxruntime.InferenceSession`.
    """

    def __init__(self, engine, labels, input_names):
        self._engine, self._input_names = engine, input_names
        self.labels = labels and tuple(labels)
        self.session = engine.session

    def __call__(self, *columns, batch_size=32, **named_columns):
        """Answers one string or many.

        Args:
            *columns: A string, or N strings, for each of the model's inputs: one, or for pairs two.
            batch_size: The most rows that run at a time. Rows of near-equal length run together.
            **named_columns: The same by name.

        Returns:
            A dict, if all columns are single strings; else a list of N dicts: what a `Predictor` gives.

        Raises:
            ValueError: If a column is missing, they aren't of the same length, or a text isn't a string or has half of
                a surrogate pair.
        """
        check_positive_integer("batch_size", batch_size)
        rows, is_one = rows_of(self._input_names, columns, named_columns)
        answers = self._answers([tuple(map(decoded, row)) for row in rows], batch_size) if rows else []
        return answers[0] if is_one else answers


def softmax(logits):
    """Float32 [..., C] -> their shares [..., C]."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def plain(number):
    """Number of NumPy's -> float; None for what isn't finite."""
    return float(number) if math.isfinite(number) else None
