"""Texts, and pairs of texts, without labels."""

import warnings
from pathlib import Path

from keras_bert.data.files.records import Records, kind_of
from keras_bert.data.files.source_files import opened, suffix_of
from keras_bert.data.files.tables import ExampleFile


def read_texts(path, text_column="text"):
    """Reads the texts of a file, or the pairs of texts, and no labels.

    Args:
        path: A file as for `read_labelled_texts`; or, in .txt, plain lines, each a text, but for empty ones.
        text_column: The column, or key, of the text; for pairs of texts, a tuple of two. Of a table, a number is the
            column's place, counted from 0, or from the end if negative. If all are given so, the table has no header.

    Returns:
        A list of strings, or of pairs of strings. What is odd in the file is a warning.

    Raises:
        ValueError: If the file or a column is missing, it is in another format or encoding, lines are broken or have no
            text (the first 20 are named), or there is no text.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.csv")
    >>> _ = path.write_text("text;stars\\nA good book.;5\\nA dull film.;\\n")
    >>> read_texts(path)
    ['A good book.', 'A dull film.']
    """
    columns = tuple(map(str, text_column if isinstance(text_column, (tuple, list)) else (text_column,)))
    path = Path(path).expanduser()
    if columns == ("text",) and _is_plain(path):
        rows, remarks = [(line,) for row in Records(path, columns, "lines") if (line := row["text"].strip())], ()
    else:
        file = ExampleFile(path, columns, last="text")
        rows, remarks = list(file), file.remarks()
    if not rows:
        raise ValueError(f"There is no text in {path}. At least one is expected.")
    for remark in remarks:
        warnings.warn(remark, stacklevel=2)
    return rows if len(columns) > 1 else [text for (text,) in rows]


def _is_plain(path):
    """path of a file -> whether its lines are texts, and no rows of a table: .txt without a header or a tab."""
    if suffix_of(path) != ".txt" or kind_of(path, ["text"]) != "lines":
        return False
    with opened(path) as file:
        return "\t" not in file.readline(1 << 16)
