"""Tables of texts, in lines of cells or in JSON -> examples, read anew at each iteration."""

import json
from pathlib import Path

from keras_bert.data.files.example_rows import WeightedRow
from keras_bert.data.files.label_cells import one_label
from keras_bert.data.files.source_files import (
    Faults,
    check_readable,
    half_a_pair,
    has_a_value_a_line,
    json_lines,
    opened,
    read_json,
    suffix_of,
)
from keras_bert.data.files.table_layouts import checked_places, layout_of, records
from keras_bert.utils.files import first_of

SUFFIXES = (".tsv", ".csv", ".txt", ".tab", ".json", ".jsonl", ".ndjson")
JSON_SUFFIXES = SUFFIXES[-3:]


class ExampleFile:
    """The examples of a file: tuples of texts, with a label or not, which can be read any number of times.

    Args:
        path: A `Path`.
        columns: Names, or JSON's keys, of the texts' columns and of the label's, which is last: strings. One that no
            column has and that is a number is a column's place, counted from 0, or from the end if negative.
        last: What the last column holds: "label", or "text" where there are no labels.
        several: How a text's labels are read where it may have several: a `SeveralLabels`, of the last columns.
        weight: The column, or key, of the examples' weights; examples are `WeightedRow`s then. None: they have none.

    Attributes:
        num_texts: The number of columns of texts.
        classes: All labels that there are, where they are columns of 0 and 1; else None.
        is_weighted: Whether examples have weights.
        place: What is counted by the numbers that examples come with: "line", or "item" of a JSON array.
        layout: How a table is written, a `Layout`; None for JSON.

    Raises:
        ValueError: If the file can't be read, or has no such columns.
    """

    def __init__(self, path, columns, last="label", several=None, weight=None):
        check_readable(path, SUFFIXES, "labelled texts" if last == "label" else "texts")
        self.path, self.columns, self.last = path, columns, last
        self.place = "line"
        self._is_json = suffix_of(path) in JSON_SUFFIXES
        self.layout = None if self._is_json else layout_of(path, columns, last, several)
        self.several, self._weight, self.is_weighted = several, weight, weight is not None
        if weight is not None and not self._is_json:
            *_, self._weight = checked_places((*columns, weight), self.layout.first, path)
        self.num_texts = len(columns) - (1 if several is None else len(several.columns))
        self.classes = None if several is None or len(several.columns) == 1 else self._named(several)
        self._forget()

    def __iter__(self):
        return (example for _, example in self.numbered())

    def numbered(self):
        """Yields pairs, the number of a line or item and its example; a `ValueError` names all that are broken."""
        self._forget()
        with Faults(self.path, "Correct or remove what is wrong.") as faults:
            yield from self._from_json(faults) if self._is_json else self._from_cells(faults)

    def remarks(self):
        """-> what is odd in the file, but was read: a list of strings."""
        remarks = []
        if self._short:
            remarks.append(
                f"{len(self._short)} lines of {self.path} have fewer cells than the first (line "
                f"{first_of(self._short)}). The cells that they lack aren't used. Check that no text there goes on in "
                "the next line."
            )
        if self._swallowed:
            remarks.append(
                f"{len(self._swallowed)} quoted texts of {self.path} have lines that look like examples of their own "
                f"(up to line {first_of(self._swallowed)}). Check that the quotation marks there are closed, and "
                "doubled within texts."
            )
        return remarks

    def _forget(self):
        """What remarks are made of."""
        self._short, self._swallowed = [], []

    def _from_cells(self, faults):
        """Faults -> numbered examples of lines of cells."""
        layout = self.layout
        texts, places = layout.places[: self.num_texts], layout.places[self.num_texts :]
        header = layout.first if layout.has_header else None
        labels = set()
        for number, row in self.rows(faults):
            cells = [row[place].strip() for place in places]
            if not any(cells) and not any(cell.strip() for cell in row):
                continue
            if header and cells[0] == header[places[0]] and [cell.strip() for cell in row] == header:
                faults.add(f"line {number}", "is the header once more")
                continue
            value, fault = self._label(cells)
            if fault:
                faults.add(f"line {number}", f"{fault}: {row!r:.200}")
                continue
            if self.last == "label":
                labels.update(filter(None, cells))
            example = (*[row[text] for text in texts], value)
            holds_rows = _holds_rows_of_texts if self.last == "text" else _holds_rows
            if layout.is_quoted and any("\n" in text and holds_rows(text, layout, labels) for text in example):
                self._swallowed.append(number)
            if self._weight is not None:
                example = self._weighted(example, dict(enumerate(row)), f"line {number}", faults)
            if example is not None:
                yield number, example

    def rows(self, faults):
        """Faults -> the numbers of lines and their cells, none of them cut off; of a table, not of JSON."""
        for number, row in records(self.path, self.layout, faults):
            if len(row) != len(self.layout.first):
                row = self._fitted(row, number, faults)
            if row is not None:
                yield number, row

    def _label(self, cells):
        """cells of the last columns -> what they hold, and what is wrong with it or None."""
        if self.several is not None:
            return self.several.read(cells)
        return cells[0], None if cells[0] else f"has no {self.last}"

    def _named(self, several):
        """SeveralLabels of several columns -> their names, which a header has where they are given by number."""
        if self.layout is not None and self.layout.has_header:
            several.columns = tuple(self.layout.first[place] for place in self.layout.places[self.num_texts :])
        return several.columns

    def _fitted(self, row, number, faults):
        """a row that is shorter or longer than the first, its number, Faults -> as it can be used; None if it can't."""
        width = len(self.layout.first)
        if not any(cell.strip() for cell in row):
            return None
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            return row
        if max(self.layout.places) < len(row) < width:
            self._short.append(number)
            return row
        hint = ""
        if len(row) > width:
            hint = ". Quote a text that has separators in it" if self.layout.is_quoted else ""
        elif '"' in row[-1] and not self.layout.is_quoted:
            hint = ". If a quoted text goes on in the next line, let the file's name end in .csv"
        faults.add(f"line {number}", f"has {len(row)} cells, but the header has {width}: {row!r:.200}{hint}")
        return None

    def _from_json(self, faults):
        """Faults -> numbered examples of JSON's objects."""
        texts, labels = self.columns[: self.num_texts], self.columns[self.num_texts :]
        for number, row in self._objects(faults):
            fault, value = fault_of(row, texts, labels, self.last), None
            if fault is None and self.several is not None:
                value, fault = self.several.read([row[label] for label in labels])
            elif fault is None:
                value, fault = one_label(row, *labels, self.last)
            if fault:
                faults.add(f"{self.place} {number}", fault)
                continue
            example = (*[row[text] for text in texts], value)
            if self._weight is not None:
                example = self._weighted(example, row, f"{self.place} {number}", faults)
            if example is not None:
                yield number, example

    def _weighted(self, example, row, where, faults):
        """an example, its row by columns, its place, Faults -> it with its weight; None where that is none."""
        cell = row.get(self._weight)
        try:
            if isinstance(cell, bool):
                raise ValueError
            return WeightedRow(example, float("nan" if cell is None else cell))
        except (TypeError, ValueError):
            has = "has no weight" if cell in (None, "") else f"has {cell!r:.80} for a weight"
            faults.add(where, f"{has}: it must be a finite number of at least 0")
            return None

    def _objects(self, faults):
        """Faults -> numbered values of a JSON file; of one with a value a line, they are read line by line."""
        if has_a_value_a_line(self.path):
            with opened(self.path) as file:
                yield from json_lines(file, faults)
            return
        held, _ = read_json(self.path)
        rows = held.get("data") if isinstance(held, dict) else held
        if not isinstance(rows, list):
            raise ValueError(
                f"{self.path} must hold an array of objects, an object with such an array as 'data', or an object a "
                f"line. It holds {held!r:.80}. pandas writes what is read by to_json(path, orient='records')."
            )
        self.place = "item"
        yield from enumerate(rows, 1)


def column_names(path):
    """Reads the names of a file's columns: of a table the first line, of JSON the keys of the first object.

    Args:
        path: A file as for `read_labelled_texts`.

    Returns:
        A list of strings.

    Raises:
        ValueError: If the file can't be read.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "pairs.csv")
    >>> _ = path.write_text("question;answer\\nWho?;Ann.\\n")
    >>> column_names(path)
    ['question', 'answer']
    """
    path = Path(path).expanduser()
    file = ExampleFile(path, (), last="text")
    if suffix_of(path) not in JSON_SUFFIXES:
        return file.layout.first
    with Faults(path, "Correct or remove what is wrong.") as faults:
        first = next((row for _, row in file._objects(faults)), None)
    if not isinstance(first, dict):
        raise ValueError(f"{path} must hold objects. It begins with {first!r:.80}.")
    return [*first]


def _holds_rows(text, layout, labels):
    """a text of several lines, Layout, labels so far -> whether one of these lines has as many cells and a label."""
    lines = (line.split(layout.separator) for line in text.split("\n"))
    return any(len(layout.first) - 1 <= len(cells) and labels.intersection(map(str.strip, cells)) for cells in lines)


def _holds_rows_of_texts(text, layout, _):
    """the same of a table without labels -> whether one of these lines has as many separators as the header."""
    return any(line.count(layout.separator) == len(layout.first) - 1 for line in text.split("\n"))


def fault_of(row, texts, labels, last):
    """a JSON value, keys of texts and labels, what these hold -> what is wrong with keys and texts, or None."""
    keys = (*texts, *labels)
    if not isinstance(row, dict):
        return f"must be an object with the keys {', '.join(map(repr, keys))}, not {row!r:.200}"
    for key in keys:
        if key not in row:
            return f"must be an object with the key {key!r}. It has: {first_of([*map(repr, row)]) or 'nothing'}"
    for key in keys if last == "text" else texts:
        if not isinstance(row[key], str):
            return f"has no text: {key!r} must be a string, not {json.dumps(row[key])[:80]}"
    return next(filter(None, (half_a_pair(row[key]) for key in texts)), None)
