"""What `predict` reads: a file of any of its kinds, or the standard input, as rows with their texts."""

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

import keras_bert
from keras_bert.recipes import trained


class Texts:
    """What is to be answered, read anew at each iteration: pairs of a row, as the writer takes it, and its texts.

    Arguments: the file, a `Config`, the model's task, the format of the answers, the `Served` model or None.
    Attributes: how many texts there are, `count`; the rows' columns, `names`; what the file is, `kind`; the format of
    the answers, `format`, which of questions with an id in a file .json is SQuAD's.
    """

    def __init__(self, path, config, task, format, served=None):
        of_pairs = served and "second_text" in served.input_names
        if not served and task in ("text_classifier", "text_regressor"):
            of_pairs = trained.takes_pairs(config)
        self.kind = config.input_format or input_kind(path, config, task, of_pairs)
        if self.kind == "squad":
            self._file, self.names = keras_bert.data.AskedQuestions(path), ["id", "question"]
        elif self.kind == "conll":
            self._file, self.names = keras_bert.data.SentenceLines(path, config.word_column), ["words"]
        else:
            names = keras_bert.data.files.records.names_in(path, self.kind)
            columns = trained.columns_of(config, task, names, of_pairs)
            self._file = keras_bert.data.Records(path, columns, self.kind)
            self.names = self._file.names
        self.count = self._file.count
        is_squad = task == "span_predictor" and "id" in self.names
        self.format = format = "squad" if format == "json" and config.format is None and is_squad else format
        fits = {
            "conll": self.kind == "conll",
            "squad": is_squad,
            "npy": task == "text_embedder",
            "lines": task != "text_embedder",
        }
        needed = {
            "conll": "words in CoNLL",
            "squad": "questions with an id",
            "npy": "vectors",
            "lines": "words, labels or scores",
        }
        if not fits.get(format, True):
            raise ValueError(f"Answers in the format {format} are of {needed[format]}. Choose another, such as jsonl.")
        task_of_kind = {"squad": "span_predictor", "conll": "token_classifier"}
        if task_of_kind.get(self.kind, task) != task:
            raise ValueError(
                f"{self.kind} is for a {task_of_kind[self.kind]}. Received: {path}, for a {task}. Give texts."
            )

    def __iter__(self):
        for row in self._file:
            if self.kind == "squad":
                yield {"id": row.id, "question": row.question}, (row.question, row.context)
            elif self.kind == "conll":
                yield row if self.format == "conll" else {"words": row.words}, (self._file.sentence(row),)
            else:
                yield row, self._file.texts(row)


def input_kind(path, config, task, of_pairs=False):
    """file, Config, task, whether the model is for pairs -> how the file is written, by its name and its first line."""
    given = config.text_columns or [column for column in (config.text_column,) if column]
    suffix = keras_bert.data.files.source_files.suffix_of(path)
    if task == "token_classifier" and not given:
        if suffix in (".conll", ".conllu"):
            return "conll"
        if suffix in (".tsv", ".tab") and "text" not in keras_bert.data.files.records.names_in(path, "table"):
            return "conll"
    if task == "span_predictor" and suffix == ".json" and keras_bert.data.AskedQuestions.are_in(path):
        return "squad"
    return keras_bert.data.files.records.kind_of(path, given or trained.columns_of(config, task, (), of_pairs))


@contextlib.contextmanager
def spooled(config):
    """Config -> the path of a file with the standard input, which is read twice; it is there within the block."""
    endings = {"table": "tsv", "json": "jsonl", "conll": "conll", "squad": "json"}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, f"stdin.{endings.get(config.input_format, 'txt')}")
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path
