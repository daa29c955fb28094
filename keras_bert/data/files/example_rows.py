"""Examples in memory, and some of others, as they are iterated over with the numbers by which messages call them."""

import itertools

import numpy as np

from keras_bert.utils.checks import check_weight


class RowsInMemory:
    """Examples in memory, with the numbers by which messages call them: those from 1 on, or others.

    `classes` are all labels that there are, where no example tells: those of columns of 0 and 1; else None.
    """

    def __init__(self, rows, numbers=None, place="number", classes=None):
        self._rows, self._numbers, self.place, self.classes = rows, numbers, place, classes

    def __iter__(self):
        return iter(self._rows)

    def numbered(self):
        return zip(self._numbers or itertools.count(1), self._rows, strict=False)

    def remarks(self):
        return []


class ChosenRows(RowsInMemory):
    """Those of other rows, as many as told, that stand at some places; the others may be in a file."""

    def __init__(self, rows, count, places):
        super().__init__(rows, place=rows.place, classes=rows.classes)
        self._is_chosen = np.zeros(count, bool)
        self._is_chosen[places] = True

    def __iter__(self):
        return itertools.compress(self._rows, self._is_chosen)

    def numbered(self):
        return itertools.compress(self._rows.numbered(), self._is_chosen)


class WeightedRow(tuple):
    """An example with a weight, by which it counts in the mean of a loss.

    Args:
        row: A tuple, such as (text, label).
        weight: A finite number of at least 0; it is kept as `weight`, beside the tuple's items.

    Raises:
        ValueError: If the weight isn't such a number.

    Example:
    >>> row = WeightedRow(("a good book", "yes"), 2)
    >>> row, row.weight
    (('a good book', 'yes'), 2.0)
    """

    def __new__(cls, row, weight):
        made = super().__new__(cls, row)
        made.weight = check_weight("A weight", weight)
        return made

    def __reduce__(self):  # tuples pass their items alone to other processes
        return WeightedRow, (tuple(self), self.weight)
