"""Files as users bring them: which can be read, opening them, and all that is wrong in one, told at once."""

import contextlib
import gzip
import json
import shlex
import zlib
from pathlib import Path

from keras_bert.utils.encodings import encoding_by_mark, unmarked_utf16
from keras_bert.utils.files import conversion, first_of, not_utf8, open_bytes, open_text

_PANDAS = "python -c \"import pandas; pandas.read_{kind}({old!r}).to_json({new!r}, orient='records', lines=True)\""
_LONGEST_LINE = 1 << 26  # characters; an array in a line of its own may be as long as the file
# How a name ends -> how to get from such a file to one that is read; `old` and `new` are the files' names.
_WAYS = {
    ".xlsx": "Save it from the spreadsheet as CSV UTF-8",
    ".parquet": "Convert it (pip install pandas pyarrow): " + _PANDAS.replace("{kind}", "parquet"),
    ".feather": "Convert it (pip install pandas pyarrow): " + _PANDAS.replace("{kind}", "feather"),
    ".pickle": "Convert it (pip install pandas): " + _PANDAS.replace("{kind}", "pickle"),
    ".arrow": "Convert it (pip install datasets): python -c "
    '"import datasets; datasets.Dataset.from_file({old!r}).to_json({new!r})"',
    ".zip": "Unpack it: unzip {quoted}",
    "zip or xlsx": "Save it from the spreadsheet as CSV UTF-8, or unpack it: unzip {quoted}",
    ".tar": "Unpack it: tar -xf {quoted}",
    ".zst": "Unpack it: zstd -d {quoted}",
    ".bz2": "Unpack it: bunzip2 -k {quoted}",
    ".xz": "Unpack it: unxz -k {quoted}",
}
_ALIKE = {
    ".xls": ".xlsx", ".ods": ".xlsx", ".numbers": ".xlsx", ".pq": ".parquet", ".pkl": ".pickle", ".tgz": ".tar",
}  # fmt: skip
# How content begins that isn't text -> what it is, as a name would end.
_BEGINNINGS = {
    b"PK\x03\x04": ("zip or xlsx", "a spreadsheet as .xlsx, or a zip archive"),
    b"\xd0\xcf\x11\xe0": (".xls", "a spreadsheet as .xls"),
    b"PAR1": (".parquet", "Parquet"),
    b"ARROW1": (".feather", "Arrow"),
    b"\x28\xb5\x2f\xfd": (".zst", "compressed by zstd"),
    b"BZh": (".bz2", "compressed by bzip2"),
    b"\xfd7zXZ": (".xz", "compressed by xz"),
}


class Faults:
    """What is wrong in a file, gathered so that one error tells all of it: the first twenty, and how many there are.

    Args:
        name: What the message calls the file.
        mend: A sentence on how to mend it.

    Example:
    >>> with Faults("reviews.tsv", "Correct or remove these lines.") as faults:
    ...     faults.add("line 3", "has no label")
    ...     faults.add("line 8", "has no label")
    Traceback (most recent call last):
    ValueError: reviews.tsv has 2 faults:
      line 3 has no label
      line 8 has no label
    Correct or remove these lines.
    """

    def __init__(self, name, mend):
        self.name, self.mend = name, mend
        self._told, self._count = [], 0

    def add(self, place, what):
        """Notes a fault: where it is, what is wrong there -> None."""
        self._count += 1
        if len(self._told) < 20:
            self._told.append((place, what[:400]))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None or not self._count:
            return
        if self._count == 1:
            ((place, what),) = self._told
            # A path within JSON stays as it is.
            where = f"In {self.name}, {place}" if "[" in place else f"{place[:1].upper()}{place[1:]} of {self.name}"
            raise ValueError(f"{where} {what}. {self.mend}")
        lines = [f"{self.name} has {self._count} faults:", *(f"  {place} {what}" for place, what in self._told)]
        if self._count > len(self._told):
            lines.append(f"  and {self._count - len(self._told)} more")
        raise ValueError("\n".join([*lines, self.mend]))


def suffix_of(path):
    """How a file's name ends, in small letters and without .gz: path -> string.

    Example:
    >>> suffix_of("reviews.TSV.gz")
    '.tsv'
    """
    path = Path(str(path).lower())
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix


def check_readable(path, suffixes, what, others=False):
    """Checks that there is a file of text that can be read.

    Args:
        path: A `Path`.
        suffixes: How its name may end, .gz left out.
        what: What such a file holds, for messages.
        others: Whether it may end otherwise too, unless that is known to be another format.

    Raises:
        ValueError: If there is none, or it is in another format. The message says how to get from there to one that is
            read.

    Example:
    >>> check_readable(Path("reviews.parquet"), (".csv", ".jsonl"), "labelled texts")
    Traceback (most recent call last):
    ValueError: Files of labelled texts end in .csv or .jsonl, or one of these and .gz. Received: reviews.parquet.
    Convert it (pip install pandas pyarrow): python -c "import pandas;
    pandas.read_parquet('reviews.parquet').to_json('reviews.jsonl', orient='records', lines=True)"
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Give a file of it. It {_holdings(path, suffixes)}")
    suffix = suffix_of(path)
    if suffix not in suffixes and not (others and not _way_from(suffix, path)):
        raise ValueError(
            f"Files of {what} end in {', '.join(suffixes[:-1])} or {suffixes[-1]}, or one of these and .gz. Received: "
            f"{path}. {_way_from(suffix, path) or 'Rename it if it is one of these, or convert it.'}"
        )
    if not path.is_file():
        raise ValueError(
            f"There is no file {path}. Its directory, {path.parent.resolve()}, {_holdings(path.parent, suffixes)}"
        )
    with _told_clearly(path), open_bytes(path) as file:
        start = file.read(4096)
    for beginning, (real_suffix, described) in _BEGINNINGS.items():
        if start.startswith(beginning):
            raise ValueError(
                f"{path} isn't text, whatever its name says, but {described}. {_way_from(real_suffix, path)}"
            )
    if start.startswith(b"\x1f\x8b"):
        raise ValueError(f"{path} is compressed by gzip. Let its name end in .gz.")
    if encoding_by_mark(start) == "utf-8-sig" and (encoding := unmarked_utf16(start)):
        raise ValueError(f"{path} looks like {encoding} without its mark. Convert it: {conversion(path, encoding)}")


@contextlib.contextmanager
def opened(path):
    """Opens a file of text in UTF-8, or in UTF-16 or UTF-32 with their byte order mark; through gzip if so named.

    Args:
        path: A `Path`.

    Yields:
        The file, whose line ends are as they stand.

    Raises:
        ValueError: If the text is in another encoding, or what gzip wrote is broken. The message says how to mend it.
    """
    with _told_clearly(path):
        with open_bytes(path) as file:
            encoding = encoding_by_mark(file.read(4))
        with open_text(path, newline="", encoding=encoding) as file:
            yield file


def read_json(path):
    """Reads all of a JSON file, or of one with a JSON value a line, whichever it is.

    Args:
        path: A `Path`.

    Returns:
        The value and None; or None and a list of pairs, lines' numbers and their values.

    Raises:
        ValueError: If it is neither; the message names all lines that aren't JSON, if others are.
    """
    with opened(path) as file:
        text = file.read()
    if not text.strip():
        raise ValueError(f"{path} is empty. JSON is expected in it.")
    if suffix_of(path) not in (".jsonl", ".ndjson") or text.lstrip().startswith("["):
        try:
            return json.loads(text), None
        except json.JSONDecodeError as error:
            first_line = text.lstrip().partition("\n")[0]
            if not _is_json_object(first_line):
                raise ValueError(f"{path} isn't JSON: {error}. Correct it there.") from error
    with Faults(path, "Correct or remove these lines.") as faults:
        return None, list(json_lines(text.split("\n"), faults))


def has_a_value_a_line(path):
    """Finds out how a JSON file is written, and reads no more of it than the first line that isn't empty.

    Args:
        path: A `Path`.

    Returns:
        Whether each line is a value by itself: unless the name ends in .json, if the file doesn't begin with an array;
        else if the first line is an object, and more follows.
    """
    with opened(path) as file:
        lines = (line for line in iter(lambda: file.readline(_LONGEST_LINE), "") if line.strip())
        first = next(lines, "")
        if suffix_of(path) in (".jsonl", ".ndjson"):
            return not first.lstrip().startswith("[")
        return first.endswith(("\n", "\r")) and _is_json_object(first) and next(lines, None) is not None


def json_lines(lines, faults):
    """Reads a JSON value a line; empty lines are passed over.

    Args:
        lines: Strings.
        faults: The `Faults` to note lines in that aren't JSON.

    Yields:
        Pairs: the line's number, its value.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            faults.add(f"line {number}", f"isn't JSON: {error.msg}, at character {error.pos}: {line.strip()[:80]!r}")
            continue
        yield number, value


def half_a_pair(text):
    """Finds half of a surrogate pair, which UTF-8 can't write: a string -> what is wrong with it, or None.

    Example:
    >>> half_a_pair("good"), half_a_pair("bad \\ud83d")
    (None, "has half of a surrogate pair, as JSON may have it in \\\\ud83d, which is no character: 'bad \\\\ud83d'")
    """
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 20) : error.end + 20]
        return f"has half of a surrogate pair, as JSON may have it in \\ud83d, which is no character: {around!r}"
    return None


def _is_json_object(line):
    """a line -> whether it is an object by itself."""
    try:
        return isinstance(json.loads(line), dict)
    except json.JSONDecodeError:
        return False


@contextlib.contextmanager
def _told_clearly(path):
    """Within it, errors of reading this file become a `ValueError` that says how to mend it."""
    try:
        yield
    except UnicodeError as error:
        raise not_utf8(path) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} can't be read through gzip, as its name asks for: {error}. Write it anew, or let its name end "
            "otherwise if it isn't compressed."
        ) from error


def _way_from(suffix, path):
    """how a name ends, a path -> sentences on how to get to a file that is read; empty if none is known."""
    way = _WAYS.get(_ALIKE.get(suffix, suffix), "")
    names = {"old": str(path), "new": str(path.with_suffix(".jsonl")), "quoted": shlex.quote(str(path))}
    return way.format(**names) + ("." if suffix in (".xlsx", ".xls", ".ods", ".numbers") else "")


def _holdings(directory, suffixes):
    """directory, how names may end -> the end of a sentence on what it holds."""
    if not directory.is_dir():
        return "doesn't exist either."
    names = sorted(path.name for path in directory.iterdir() if suffix_of(path) in suffixes)
    return f"holds {first_of(names, 10)}." if names else "holds no such file."
