"""Labels as files have them: one, or several of a text, parted in a cell, as a list, or in columns of 0 and 1."""

import ast
import json
import re

from keras_bert.data.files.source_files import half_a_pair

_FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
_ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+\d.e]+)"""
_ITEMS_WITHOUT_COMMAS = re.compile(rf"\[\s*{_ITEM}(?:\s+{_ITEM})+\s*\]")  # as numpy prints an array


def one_label(row, label, last):
    """a JSON object, key of the label, what it holds -> the label, and what is wrong with it or None."""
    value = row[label]
    if value is None or value != value or str(value).strip() == "":  # NaN differs from itself
        return "", f"has no {last}: {label!r} is {json.dumps(value)}"
    if not isinstance(value, (str, int, float)):
        hint = ". Lists are read with multi_label=True" if isinstance(value, list) else ""
        shown = json.dumps(value)[:80]
        return "", f"has no label that can be used: {label!r} must be a string or a number, not {shown}{hint}"
    return str(value).strip(), half_a_pair(str(value))


class SeveralLabels:
    """Reads the labels of examples whose label column, or columns, are read as for several labels a text.

    Args:
        columns: Names of the columns: of one the cells hold labels, of several 0 or 1 each.
        separator: What stands between the labels in a cell.

    Raises:
        ValueError: If there is no column, or no separator.

    Example:
    >>> SeveralLabels(("label",), "|").read(["food | price"]), SeveralLabels(("label",), "|").read([""])
    ((('food', 'price'), None), ((), None))
    >>> SeveralLabels(("food", "price"), "|").read(["0", "1"])
    (('price',), None)
    """

    def __init__(self, columns, separator):
        if not columns:
            raise ValueError("`label_column` must name a column of labels, or several of 0 and 1. Received: none.")
        if not isinstance(separator, str) or not separator:
            raise ValueError(
                "`label_separator` must be what stands between the labels of a cell, such as '|'. Received: "
                f"label_separator={separator!r}."
            )
        self.columns, self._separator = columns, separator

    def read(self, values):
        """Values of the columns, strings or of JSON -> a tuple of labels, and what is wrong with them or None."""
        if len(self.columns) > 1:
            return self._flagged(values)
        [value] = values
        labels = self._listed(value) if isinstance(value, str) else value
        if not isinstance(labels, list):
            return (), f"must have labels in {self.columns[0]!r}, a string or a list, not {json.dumps(value)[:80]}"
        for label in labels:
            if isinstance(label, bool) or not isinstance(label, (str, int, float)) or not str(label).strip():
                shown = json.dumps(label, default=repr)[:80]
                return (), f"must have strings or numbers as labels in {self.columns[0]!r}, not {shown}"
            if fault := half_a_pair(str(label)):
                return (), fault
        return tuple(dict.fromkeys(str(label).strip() for label in labels)), None

    def _listed(self, cell):
        """a cell -> list of its labels; a list of JSON's or Python's, or an array, as pandas writes it, is read so."""
        cell = cell.strip()
        if _ITEMS_WITHOUT_COMMAS.fullmatch(cell):  # Python would join neighbouring strings to one
            cell = f"[{', '.join(re.findall(_ITEM, cell))}]"
        if cell.startswith("[") and cell.endswith("]"):
            for read in (json.loads, ast.literal_eval):
                try:
                    found = read(cell)
                except (ValueError, SyntaxError, RecursionError, MemoryError):
                    continue
                if isinstance(found, list):
                    return found
        return [part for part in map(str.strip, cell.split(self._separator)) if part]

    def _flagged(self, values):
        """values of several columns -> the same as `read`."""
        flags = [_FLAGS.get(str(value).strip().lower()) for value in values]
        if None in flags:
            place = flags.index(None)
            shown = json.dumps(values[place], default=repr)[:80]
            return (), f"must have 0 or 1 in {self.columns[place]!r}, not {shown}"
        return tuple(name for name, has in zip(self.columns, flags, strict=True) if has), None
