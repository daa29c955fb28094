"""How a table of texts is written: its separator, its quotation marks, its header and its columns."""

import csv
import itertools
import math
import re
from typing import NamedTuple

from keras_bert.data.files.source_files import Faults, opened, suffix_of
from keras_bert.utils.files import first_of

_SEPARATORS = "\t,;|"
_MOST_HEADER_LINES = 100


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


def layout_of(path, columns, last="label", several=None):
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
        several: As in `ExampleFile`.

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
        places=checked_places(columns, first, path),
    )
    by_number = bool(columns) and not any(column in first for column in columns)
    is_example = by_number and (last == "text" or _begins_with_an_example(path, layout, several))
    return layout._replace(has_header=not is_example)


def _begins_with_an_example(path, layout, several):
    """path, Layout, SeveralLabels or None -> whether the first line is one: its label is a number, or another's too."""
    label = layout.places[-1]
    rows = records(path, layout._replace(has_header=False), Faults(path, ""))
    cells = (row[label].strip() for _, row in rows if len(row) > label)
    first = next(cells, "")
    if several is None or len(several.columns) > 1:
        return is_number(first) or first in cells
    own = {*several.read([first])[0]}
    return any(map(is_number, own)) or any(not own.isdisjoint(several.read([cell])[0]) for cell in cells)


def records(path, layout, faults):
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


def checked_places(columns, first, path):
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


def is_number(label):
    """label -> whether it is a finite number, as people write numbers."""
    try:
        return "_" not in label and math.isfinite(float(label))
    except ValueError:
        return False
