"""Tables of texts, in lines of cells or in JSON -> examples, read anew at each iteration."""

import csv
import itertools
import json
import math
import re
from pathlib import Path
from typing import NamedTuple

from keras_bert.data.source_files import Faults, check_readable, half_a_pair, json_lines, opened, read_json, suffix_of
from keras_bert.utils.files import first_of

_SUFFIXES = (".tsv", ".csv", ".txt", ".tab", ".json", ".jsonl", ".ndjson")
_JSON_SUFFIXES = _SUFFIXES[-3:]
_SEPARATORS = "\t,;|"
_MOST_HEADER_LINES = 100


class ExampleFile:
    """The examples of a file: tuples of texts, with a label or not, which can be read any number of times.

    Args:
        path: A `Path`.
        columns: Names, or JSON's keys, of the texts' columns and of the label's, which is last: strings. One that no
            column has and that is a number is a column's place, counted from 0, or from the end if negative.
        last: What the last column holds: "label", or "text" where there are no labels.

    Attributes:
        place: What is counted by the numbers that examples come with: "line", or "item" of a JSON array.

    Raises:
        ValueError: If the file can't be read, or has no such columns.
    """

    def __init__(self, path, columns, last="label"):
        check_readable(path, _SUFFIXES, "labelled texts" if last == "label" else "texts")
        self.path, self.columns, self.last = path, columns, last
        self.place = "line"
        self._is_json = suffix_of(path) in _JSON_SUFFIXES
        self._layout = None if self._is_json else layout_of(path, columns, last)
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
        layout = self._layout
        *texts, label = layout.places
        width, header = len(layout.first), layout.first if layout.has_header else None
        labels = set()
        for number, row in _records(self.path, layout, faults):
            if len(row) != width:
                row = self._fitted(row, number, faults)
                if row is None:
                    continue
            value = row[label].strip()
            if not value:
                if any(cell.strip() for cell in row):
                    faults.add(f"line {number}", f"has no {self.last}: {row!r:.200}")
                continue
            if header and value == header[label] and [cell.strip() for cell in row] == header:
                faults.add(f"line {number}", "is the header once more")
                continue
            if self.last == "label":
                labels.add(value)
            example = (*[row[text] for text in texts], value)
            holds_rows = _holds_rows_of_texts if self.last == "text" else _holds_rows
            if layout.is_quoted and any("\n" in text and holds_rows(text, layout, labels) for text in example):
                self._swallowed.append(number)
            yield number, example

    def _fitted(self, row, number, faults):
        """a row that is shorter or longer than the first, its number, Faults -> as it can be used; None if it can't."""
        width = len(self._layout.first)
        if not any(cell.strip() for cell in row):
            return None
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            return row
        if max(self._layout.places) < len(row) < width:
            self._short.append(number)
            return row
        hint = ""
        if len(row) > width:
            hint = ". Quote a text that has separators in it" if self._layout.is_quoted else ""
        elif '"' in row[-1] and not self._layout.is_quoted:
            hint = ". If a quoted text goes on in the next line, let the file's name end in .csv"
        faults.add(f"line {number}", f"has {len(row)} cells, but the header has {width}: {row!r:.200}{hint}")
        return None

    def _from_json(self, faults):
        """Faults -> numbered examples of JSON's objects."""
        *texts, label = self.columns
        for number, row in self._objects(faults):
            if fault := _fault_of(row, texts, label, self.last):
                faults.add(f"{self.place} {number}", fault)
            else:
                yield number, (*[row[text] for text in texts], str(row[label]).strip())

    def _objects(self, faults):
        """Faults -> numbered values of a JSON file; of one with a value a line, they are read line by line."""
        with opened(self.path) as file:
            start = next((line for line in file if line.strip()), "").lstrip()
        if suffix_of(self.path) != ".json" and not start.startswith("["):
            with opened(self.path) as file:
                yield from json_lines(file, faults)
            return
        held, lines = read_json(self.path)
        if lines is not None:
            yield from lines
            return
        rows = held.get("data") if isinstance(held, dict) else held
        if not isinstance(rows, list):
            raise ValueError(
                f"{self.path} must hold an array of objects, an object with such an array as 'data', or an object a "
                f"line. It holds {held!r:.80}. pandas writes what is read by to_json(path, orient='records')."
            )
        self.place = "item"
        yield from enumerate(rows, 1)


def is_number(label):
    """label -> whether it is a finite number, as people write numbers."""
    try:
        return "_" not in label and math.isfinite(float(label))
    except ValueError:
        return False


class Layout(NamedTuple):
    """How a table is written.

    Attributes:
        separator: What stands between cells.
        is_quoted: Whether a cell may be quoted as in RFC 4180.
        skips_spaces: Whether spaces behind a separator are passed over.
        num_before: The number of lines before the first one with cells.
        first: The cells of that one: a list of strings, without spaces around.
        has_header: Whether it is a header.
        places: Where the columns stand, counted from 0: a list of integers.
    """

    separator: str
    is_quoted: bool
    skips_spaces: bool
    num_before: int
    first: list
    has_header: bool
    places: list


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
    if suffix_of(path) not in _JSON_SUFFIXES:
        return file._layout.first
    with Faults(path, "Correct or remove what is wrong.") as faults:
        first = next((row for _, row in file._objects(faults)), None)
    if not isinstance(first, dict):
        raise ValueError(f"{path} must hold objects. It begins with {first!r:.80}.")
    return [*first]


def layout_of(path, columns, last="label"):
    """Finds out how a table is written, by its first line and its name.

    The separator is the one of tab, comma, semicolon and vertical bar by which the first line has the wanted columns;
    if several do, or none, the one that gives most cells. A line `sep=;` before it tells the separator. Cells may be
    quoted as in RFC 4180; between tabs, however, only if the header's first is, as R writes it, if the file's name ends
    in .csv, or if it is in UTF-16, as spreadsheets write it. The first line is the header. Only where all columns are
    given by number it may be an example: if its label is a number, or another line's label too.

    Args:
        path: A `Path`.
        columns: As in `ExampleFile`.
        last: As in `ExampleFile`. Without labels, and with all columns given by number, the first line is an example.

    Returns:
        A `Layout`.

    Raises:
        ValueError: If the first line hasn't got these columns, or has one of them twice, or two of them are the same.
    """
    with opened(path) as file:
        head = list(itertools.islice(file, _MOST_HEADER_LINES))
    csv.field_size_limit(2**31 - 1)  # the reader's default refuses cells of more than 131,072 characters
    starts = [number for number, line in enumerate(head) if line.strip()]
    if not starts:
        raise ValueError(f"There is no example in {path}: it is empty. Give a header, and a line for each example.")
    told = re.fullmatch("sep=(.)", head[starts[0]].strip())
    num_before = starts[1] if told and len(starts) > 1 else starts[0]
    is_quoted = suffix_of(path) == ".csv" or file.encoding == "utf-16" or head[num_before].startswith('"')
    rows = {
        mark: _first_row(head[num_before:], mark, is_quoted or mark != "\t")
        for mark in (told[1] if told else _SEPARATORS)
    }
    fitting = [mark for mark, cells in rows.items() if None not in [_place(column, cells) for column in columns]]
    separator = max(fitting or rows, key=lambda mark: len(rows[mark]))
    first = rows[separator]
    layout = Layout(
        separator,
        is_quoted=is_quoted or separator != "\t",
        skips_spaces=f"{separator} " in head[num_before],
        num_before=num_before,
        first=first,
        has_header=True,
        places=_checked_places(columns, first, path),
    )
    by_number = bool(columns) and not any(column in first for column in columns)
    is_example = by_number and (last == "text" or _begins_with_an_example(path, layout))
    return layout._replace(has_header=not is_example)


def _begins_with_an_example(path, layout):
    """path, Layout -> whether the first line is one: its label is a number, or another line's too."""
    label = layout.places[-1]
    rows = _records(path, layout._replace(has_header=False), Faults(path, ""))
    labels = (row[label].strip() for _, row in rows if len(row) > label)
    first = next(labels, "")
    return is_number(first) or first in labels


def _records(path, layout, faults):
    """path, Layout, Faults -> the numbers of lines and the cells of each but the header and empty ones."""
    with opened(path) as file:
        for _ in range(layout.num_before):
            next(file)
        rows = _quoted(file, layout, faults) if layout.is_quoted else _plain(file, layout)
        yield from itertools.islice(rows, int(layout.has_header), None)


def _plain(file, layout):
    """open file, Layout -> the numbers of lines and their cells."""
    for number, line in enumerate(file, layout.num_before + 1):
        if line := line.rstrip("\r\n"):
            yield number, line.split(layout.separator)


def _quoted(file, layout, faults):
    """open file, Layout, Faults -> the numbers of rows' last lines, and their cells."""
    reader = csv.reader(file, delimiter=layout.separator, skipinitialspace=layout.skips_spaces, strict=True)
    end = layout.num_before  # of the row before
    while True:
        try:
            for row in reader:
                end = layout.num_before + reader.line_num
                if row:
                    yield end, row
            return
        except csv.Error as error:
            faults.add(f"line {end + 1}", f"isn't CSV: {error}. Quote its texts, and double quotation marks in them")
            end = layout.num_before + reader.line_num


def _first_row(lines, separator, is_quoted):
    """the first lines, a separator, whether cells may be quoted -> the first row's cells, without spaces around."""
    cells = lines[0].split(separator)
    if is_quoted:
        cells = next(csv.reader(lines, delimiter=separator, skipinitialspace=f"{separator} " in lines[0]))
    return [cell.strip() for cell in cells]


def _place(column, cells):
    """a column's name or number, the first row's cells -> its place, or None."""
    if column in cells:
        return cells.index(column)
    if re.fullmatch(r"-?\d+", column) and -len(cells) <= int(column) < len(cells):
        return int(column) % len(cells)
    return None


def _checked_places(columns, first, path):
    """columns, cells of the first line, path -> where they are; a `ValueError` unless each has a place of its own."""
    has = f"Its header has: {first_of([*map(repr, first)]) if any(first) else 'nothing'}."
    numbers = f"or by number, 0 to {len(first) - 1}"
    for column in columns:
        if _place(column, first) is None:
            raise ValueError(
                f"{path} has no column {column!r}. {has} Choose among them, {numbers} if that is no header."
            )
        if first.count(column) > 1:
            raise ValueError(
                f"{path} has {first.count(column)} columns {column!r}. {has} Choose one by number, counted from 0."
            )
    places = [_place(column, first) for column in columns]
    if len(set(places)) < len(places):
        raise ValueError(
            f"The columns of texts and labels must be different ones. Received: {', '.join(map(repr, columns))}, for "
            f"{path}. {has} Choose among them, {numbers}."
        )
    return places


def _holds_rows(text, layout, labels):
    """a text of several lines, Layout, labels so far -> whether one of these lines has as many cells and a label."""
    lines = (line.split(layout.separator) for line in text.split("\n"))
    return any(len(layout.first) - 1 <= len(cells) and labels.intersection(map(str.strip, cells)) for cells in lines)


def _holds_rows_of_texts(text, layout, _):
    """the same of a table without labels -> whether one of these lines has as many separators as the header."""
    return any(line.count(layout.separator) == len(layout.first) - 1 for line in text.split("\n"))


def _fault_of(row, texts, label, last):
    """a JSON value, keys of texts and label, what that holds -> what is wrong with it as an example, or None."""
    keys = (*texts, label)
    if not isinstance(row, dict):
        return f"must be an object with the keys {', '.join(map(repr, keys))}, not {row!r:.200}"
    for key in keys:
        if key not in row:
            return f"must be an object with the key {key!r}. It has: {', '.join(map(repr, row)) or 'nothing'}"
    for key in keys if last == "text" else texts:
        if not isinstance(row[key], str):
            return f"has no text: {key!r} must be a string, not {json.dumps(row[key])[:80]}"
    value = row[label]
    if value is None or value != value or str(value).strip() == "":  # NaN differs from itself
        return f"has no {last}: {label!r} is {json.dumps(value)}"
    if not isinstance(value, (str, int, float)):
        return f"has no label that can be used: {label!r} must be a string or a number, not {json.dumps(value)[:80]}"
    halves = (half_a_pair(str(row[key])) for key in keys)
    return next(filter(None, halves), None)
