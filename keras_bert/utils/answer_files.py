"""Answers -> files, as they come, so that memory holds few of them: JSONL, CSV, lines, CoNLL, SQuAD's, NumPy's ..."""

import csv
import gzip
import io
import json
import sys

import numpy as np

from keras_bert.utils.columns import free_name

FORMATS = ("jsonl", "json", "csv", "tsv", "lines", "conll", "squad", "npy")
_ENDINGS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".conll": "conll", ".conllu": "conll",
    ".json": "json", ".npy": "npy", ".txt": "lines",
}  # fmt: skip


def format_of(name, chosen=None):
    """Finds the format of a file of answers.

    Args:
        name: The file's name, which may end in .gz; "-" for the standard output.
        chosen: The user's choice, one of `FORMATS`, or None.

    Returns:
        One of `FORMATS`; of the standard output JSONL, unless it is chosen.

    Raises:
        ValueError: If the name doesn't tell, or NumPy's format isn't to go into a file of its own.

    Example:
    >>> format_of("answers.csv.gz"), format_of("-")
    ('csv', 'jsonl')
    """
    name = str(name).lower()
    ending = "." + name.removesuffix(".gz").rpartition("/")[2].rpartition(".")[2]
    found = chosen or ("jsonl" if name == "-" else _ENDINGS.get(ending))
    if found is None:
        raise ValueError(
            f"Files of answers end in {', '.join(_ENDINGS)}, or, but for .npy, in one of these and .gz. Received: "
            f"{name}. Choose among these, or a `format`, one of {', '.join(FORMATS)}."
        )
    if found == "npy" and (name == "-" or name.endswith(".gz")):
        raise ValueError(f"Vectors in NumPy's format need a file that ends in .npy. Received: {name}.")
    return found


def writer(format, path, names, count):
    """Opens a file of answers.

    Args:
        format: One of `FORMATS`. The rows of "conll" are `Block`s of keras_bert.data.files.conll_lines, else dicts.
        path: Where to write, or None for the standard output. Through gzip if its name ends in .gz.
        names: The columns of the rows that are answered: they go along, before the answer.
        count: Number of rows, for NumPy's format.

    Returns:
        An object with `write(rows, answers)`, two lists, and `close()`.

    Example:
    >>> file = writer("csv", None, ["id"], 1)
    >>> file.write([{"id": "7"}], [{"label": "good", "probabilities": {"bad": 0.25, "good": 0.75}}])
    id,label,probabilities.bad,probabilities.good
    7,good,0.25,0.75
    """
    if format == "npy":
        return _Vectors(path, count)
    kinds = {"jsonl": _JsonLines, "json": _JsonArray, "conll": _Sentences, "squad": _Predictions}
    kinds |= {"csv": _Table, "tsv": _Table, "lines": _Lines}
    return kinds[format](_text_file(path), names, format)


def _text_file(path):
    """path or None -> an open file of text."""
    if path is None:
        return sys.stdout
    file = gzip.open(path, "wb") if path.name.endswith(".gz") else open(path, "wb")  # noqa: SIM115 - closed by `close`
    return io.TextIOWrapper(file, encoding="utf-8", newline="")


class _Writer:
    """What all of them have: the open file, the columns of the rows, what else an answer's part is called there."""

    def __init__(self, file, names, format):
        self._file, self._names, self._format = file, names, format

    def close(self):
        self._file.flush()
        if self._file is not sys.stdout:
            self._file.close()

    def _named(self, answer):
        """an answer -> the same, its parts by names that no column has: "label" is "predicted_label" beside a label."""
        return {self._free(key, answer): value for key, value in answer.items()}

    def _free(self, key, answer):
        """name of a part of an answer, the answer -> a name for its column that nothing else has."""
        if key not in self._names:
            return key
        return free_name(f"predicted_{key}", {*self._names, *answer})


class _JsonLines(_Writer):
    """An object a line: the row's columns, then the answer."""

    def write(self, rows, answers):
        for row, answer in zip(rows, answers, strict=True):
            self._file.write(json.dumps({**row, **self._named(answer)}, ensure_ascii=False) + "\n")


class _Table(_Writer):
    """A line of cells below a header: the row's columns, then the answer; of a dict within it a cell for each key."""

    _columns = None

    def write(self, rows, answers):
        for row, answer in zip(rows, answers, strict=True):
            cells = {**dict.fromkeys(self._names), **row, **self._named(_flat(answer))}
            if self._columns is None:
                self._columns = [*cells]
                self._line(self._columns)
            self._line([_cell(cells.get(column)) for column in self._columns])

    def _line(self, cells):
        """list of strings -> None."""
        if self._format == "csv":
            csv.writer(self._file, lineterminator="\n").writerow(cells)
        else:  # where nothing is quoted
            self._file.write("\t".join(" ".join(cell.splitlines()).replace("\t", " ") for cell in cells) + "\n")


class _Lines(_Writer):
    """A line an answer: its label, labels with | between, score, answer, tags or words of each [MASK], and no more."""

    _MAIN = ("label", "labels", "answer", "tags", "masks", "score")  # an answer has a score beside it

    def write(self, rows, answers):
        for answer in answers:
            main = next(answer[name] for name in self._MAIN if name in answer)
            if "masks" in answer:
                main = [words[0]["token"] for words in main]
            if "tags" in answer:  # of words that came parted, strings; of texts, dicts
                main = [tag if isinstance(tag, str) else tag["tag"] for tag in main]
            if isinstance(main, list):
                main = ("|" if "labels" in answer else " ").join(main)
            self._file.write(" ".join(str(main).splitlines()) + "\n")


class _Sentences(_Writer):
    """The lines of the sentences with a column more."""

    def write(self, rows, answers):
        for block, answer in zip(rows, answers, strict=True):
            self._file.writelines(f"{line}\n" for line in block.with_column(answer["tags"]))


class _JsonArray(_Writer):
    """An array of objects, one a line: the row's columns, then the answer."""

    _begin, _end = "[", "]"
    _is_first = True

    def write(self, rows, answers):
        for row, answer in zip(rows, answers, strict=True):
            self._file.write(f"{self._begin if self._is_first else ','}\n {self._item(row, answer)}")
            self._is_first = False

    def _item(self, row, answer):
        """a row, its answer -> text of JSON."""
        return json.dumps({**row, **self._named(answer)}, ensure_ascii=False)

    def close(self):
        self._file.write(f"\n{self._end}\n")
        super().close()


class _Predictions(_JsonArray):
    """What SQuAD's official scripts read: one object, a question's id: its answer."""

    _begin, _end = "{", "}"

    def _item(self, row, answer):
        return f"{json.dumps(str(row['id']), ensure_ascii=False)}: {json.dumps(answer['answer'], ensure_ascii=False)}"


class _Vectors:
    """An array of float32 [N, D], written row after row."""

    def __init__(self, path, count):
        self._file = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self._count, self._has_header = count, False

    def write(self, _, answers):
        vectors = np.array([answer["embedding"] for answer in answers], "<f4")
        if not self._has_header:
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._count, vectors.shape[1])}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._has_header = True
        self._file.write(vectors.tobytes())

    def close(self):
        self._file.close()


def _flat(answer):
    """an answer -> the same without dicts in it: `probabilities.good`."""
    flat = {}
    for key, value in answer.items():
        flat |= {f"{key}.{inner}": part for inner, part in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _cell(value):
    """a value -> how it stands in a cell: lists as JSON, nothing for None."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
