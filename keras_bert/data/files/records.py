"""The rows of a file as they are, with all their columns, one after the other: files of any length, to be answered."""

from pathlib import Path

from keras_bert.data.files.json_items import json_items
from keras_bert.data.files.source_files import Faults, check_readable, has_a_value_a_line, json_lines, opened, suffix_of
from keras_bert.data.files.tables import JSON_SUFFIXES, SUFFIXES, ExampleFile, column_names, fault_of
from keras_bert.utils.columns import free_name

KINDS = ("table", "json", "lines")
# A .txt may be lines as well as a table.
_SUFFIXES = {suffix: "json" if suffix in JSON_SUFFIXES else "table" for suffix in SUFFIXES if suffix != ".txt"}
_MEND = "Correct or remove what is wrong."


class Records:
    """The rows of a table, the objects of a JSON file, or the lines of a plain text, read anew at each iteration.

    Nothing but the row at hand is in the memory. Rows of a table are read as by `read_labelled_texts`.

    Args:
        path: A file, compressed by gzip if its name ends in .gz; in UTF-8, or in UTF-16 with a byte order mark.
        columns: The columns, or keys, of the texts: names or, of a table, places. Of lines: one name for the line.
        kind: "table", "json" (an object a line, or an array of objects) or "lines" (a text a line).

    Attributes:
        count: Number of rows.
        names: All columns that there are, in the order of the file: a list of strings.

    Raises:
        ValueError: If the file can't be read, has no such columns, or rows are broken (the first 20 are named), for it
            is read through once.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.csv")
    >>> _ = path.write_text("id,text\\n7,A good book.\\n8,A dull film.\\n")
    >>> reviews = Records(path, ["text"], "table")
    >>> reviews.count, reviews.names, reviews.texts({"id": "7", "text": "A good book."})
    (2, ['id', 'text'], ('A good book.',))
    >>> next(iter(reviews))
    {'id': '7', 'text': 'A good book.'}
    """

    def __init__(self, path, columns, kind):
        self.path, self._columns, self._kind = Path(path).expanduser(), [*map(str, columns)], kind
        check_readable(self.path, tuple(_SUFFIXES), "texts", others=True)
        if kind == "lines" and len(self._columns) != 1:
            raise ValueError(
                f"A line of {self.path} is one text. Received: columns {', '.join(map(repr, self._columns))}. Give a "
                "table with a header, or objects of JSON."
            )
        self.names, self._keys = None, self._columns
        if kind == "table":
            table = self._table()
            self._keys = [_unique(table.layout.first)[place] for place in table.layout.places]
            if not table.layout.has_header:
                self._keys = [str(place) for place in table.layout.places]
        self.count, names = 0, {}
        for record in self:
            names |= dict.fromkeys(record)
            self.count += 1
        self.names = [*names]
        if not self.count:
            raise ValueError(f"There is no text in {self.path}. At least one is expected.")

    def __iter__(self):
        read = {"table": self._rows, "json": self._objects, "lines": self._lines}[self._kind]
        with Faults(self.path, _MEND) as faults:
            yield from read(faults)

    def texts(self, record):
        """a row -> its texts, in the order of `columns`: a tuple of strings."""
        return tuple(record[key] for key in self._keys)

    def _table(self):
        """-> the table, an `ExampleFile`, whose suffix doesn't matter here."""
        return ExampleFile(self.path, self._columns, last="text")

    def _rows(self, faults):
        """Faults -> the rows of a table."""
        table = self._table()
        first = table.layout.first
        names = _unique(first) if table.layout.has_header else [*map(str, range(len(first)))]
        for _, cells in table.rows(faults):
            yield dict(zip(names, cells + [""] * (len(names) - len(cells)), strict=False))

    def _lines(self, faults):
        """Faults -> the lines of a text, empty ones too."""
        with opened(self.path) as file:
            for line in file:
                yield {self._columns[0]: line.rstrip("\r\n")}

    def _objects(self, faults):
        """Faults -> the objects of a JSON file."""
        for place, record in json_values(self.path, faults):
            if fault := fault_of(record, self._keys, (), "text"):
                faults.add(place, fault)
            else:
                yield record


def kind_of(path, columns=None):
    """Finds out by name and first line how a file holds texts.

    Args:
        path: A file. One that ends in .txt, or in a way that isn't known, is a table if its first line has `columns`.
        columns: The columns, names of strings, by which it would be a table.

    Returns:
        One of `KINDS`.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.txt")
    >>> _ = path.write_text("A good book.\\n")
    >>> kind_of(path, ["text"]), kind_of("reviews.csv.gz")
    ('lines', 'table')
    """
    kind = _SUFFIXES.get(suffix_of(path))
    if kind is not None:
        return kind
    path = Path(path).expanduser()
    check_readable(path, tuple(_SUFFIXES), "texts", others=True)
    with opened(path) as file:
        cells = [cell.strip().strip('"') for cell in file.readline(1 << 16).split("\t")]
    return "table" if columns and {*columns} <= {*cells} else "lines"


def names_in(path, kind):
    """Reads the names of a file's columns, by its first line or object.

    Args:
        path: A file.
        kind: One of `KINDS`.

    Returns:
        A list of strings; of lines an empty one.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.jsonl")
    >>> _ = path.write_text('{"id": 7, "text": "A good book."}\\n')
    >>> names_in(path, "json")
    ['id', 'text']
    """
    if kind == "table":
        return column_names(path)
    path = Path(path).expanduser()
    check_readable(path, tuple(_SUFFIXES), "texts", others=True)
    with Faults(path, _MEND) as faults:
        first = next((value for _, value in json_values(path, faults)), None) if kind == "json" else None
    return [*first] if isinstance(first, dict) else []


def json_values(path, faults):
    """path of a JSON file, Faults -> yields where each value of its array, or of its lines, stands, and the value."""
    if has_a_value_a_line(path):
        with opened(path) as file:
            yield from ((f"line {number}", value) for number, value in json_lines(file, faults))
    else:
        yield from json_items(path)


def _unique(names):
    """names of columns -> the same, each of its own: a second "id" is "id_2"."""
    unique = []
    for place, name in enumerate(names):
        unique.append(free_name(name, {*unique, *(names[place + 1 :] if name in unique else ())}))
    return unique
