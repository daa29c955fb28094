"""A test file in, scores out, by a trained model of any task: those of the task's recipe, and a table of each class.

    python recipes/evaluate.py --model classifier --test test.tsv --text-column sentence
    python recipes/evaluate.py --model similarity --test test.csv --text-columns left right --label-column score
    python recipes/evaluate.py --model tagger --test test.conll
    python recipes/evaluate.py --model answerer --test dev-v1.1.json
    python recipes/evaluate.py --model embedder --test questions-and-answers.tsv

Where the library is installed, `keras-bert evaluate` is the same as `python recipes/evaluate.py`.
"""

import dataclasses
import math
import time
import warnings
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.metrics.reports import table
from keras_bert.recipes import answer, classifying, command_line, embedding, reports, tag, trained
from keras_bert.utils.files import check_writable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(trained.Answering):
    """Scores a trained model on labelled examples.

    Args:
        test: The examples, in a file as the recipe of the task takes it.
        text_columns: Columns, or keys, of several texts, or their places: of pairs, by default premise and hypothesis;
            of texts that belong together, all but the score's.
        label_column: Column, or key, of the label: a class or a score; or the column's place, counted from 0.
        label_separator: What stands between the labels of a cell, where the model is for several labels a text.
        label_columns: Columns of 0 and 1, one for each label, instead of `label_column`, where the model is for several
            labels a text.
        tag_column: Of CoNLL files, the column of the tags; by default the last, of CoNLL-U files the fourth.
        metric: Rules by which answers are compared: squad, squad2 (some questions have no answer), korquad or cmrc. By
            default found out from the file.
        kind: What an embedder is scored on: groups of texts that belong together, scored pairs, or questions and their
            paragraphs in the format of SQuAD. By default found out from the file.
        score_column: Column, or key, of the scores of scored pairs.
        report: Directory for the scores of each class, of texts or tags, and a picture of what was taken for what.
    """

    test: Path
    text_columns: tuple[str, ...] | None = None
    label_column: str = "label"
    label_separator: str = "|"
    label_columns: tuple[str, ...] = ()
    tag_column: int | None = None
    metric: Literal["squad", "squad2", "korquad", "cmrc"] | None = None
    kind: Literal["groups", "scored", "squad"] | None = None
    score_column: str = "score"
    report: Path | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.report is not None:
            reports.check_picture(self.report)
            check_writable(self.report)


def main(config):
    """Scores: Config -> dict of metrics."""
    task = trained.task_of(config)
    if task not in SCORES or (Path(config.model).expanduser() / "model.onnx").is_file():
        raise ValueError(
            f"There are scores of checkpoints of a {', '.join(SCORES)}. Received: {config.model}, a {task}."
        )
    if config.report is not None and task not in ("text_classifier", "token_classifier"):
        raise ValueError(f"`report` is of classes and tags. Received: {config.model}, a {task}. Leave it out.")
    began = time.perf_counter()
    model, tokenizer, max_length = trained.load(config, task)
    scores, report, count = SCORES[task](config, model, tokenizer, max_length)
    if report is not None:
        print(f"{config.test}:\n{table(report)}")
        if config.report is not None:
            reports.write(report, config.report)
    metrics = {f"test_{name}": None if math.isnan(score) else score for name, score in scores.items()}
    return {"examples": count, **metrics, "seconds": round(time.perf_counter() - began, 1)}


def of_texts(config, model, tokenizer, max_length):
    """Config, text classifier or regressor, ... -> scores of single texts, or of pairs; of each class; their number."""
    names = keras_bert.data.column_names(config.test)
    columns = trained.columns_of(config, model.task, names, model.pairs)
    several = {"multi_label": model.multi_label, "label_separator": config.label_separator}
    labels = config.label_columns or config.label_column
    test = keras_bert.data.read_labelled_texts(config.test, columns, labels, **several)
    predict = keras_bert.predictor(
        model, tokenizer, max_length, pairs=len(columns) == 2, **trained.options_of(config, model.task)
    )
    if predict.labels is None:
        keras_bert.data.check_scores(test)
    else:
        keras_bert.data.check_labels(test, predict.labels)
    return *classifying.scored(test, model, predict, config.batch_size), len(test)


def of_tags(config, model, tokenizer, max_length):
    """Config, token classifier, ... -> scores of tags, and of entities; of each; number of sentences."""
    columns = config.word_column, config.tag_column
    test = keras_bert.data.read_tagged(config.test, *columns, is_entities=config.is_entities)
    options = {"is_entities": test.is_entities, **trained.options_of(config, model.task, of_words=True)}
    tagger = keras_bert.prediction.unit_tagger(model, tokenizer, max_length, batch_size=config.batch_size, **options)
    keras_bert.data.check_tags(test, model.labels)
    return *tag.scored(test, tagger), len(test)


def of_answers(config, model, tokenizer, max_length):
    """Config, span predictor, ... -> scores of answers, by the official script's rules; None; number of questions."""
    test = keras_bert.data.read_squad(config.test)
    metric, threshold = config.metric or test.metric, config.null_threshold
    if metric == "squad2" and threshold is None:
        warnings.warn(
            f"{config.test} has questions without an answer, and every question is answered. Give the null_threshold "
            "that `keras-bert answer` reported.",
            stacklevel=2,
        )
    options = trained.options_of(config, model.task)
    options.pop("null_threshold", None)
    predict = keras_bert.predictor(model, tokenizer, max_length, **options)
    texts = answer.with_nulls(*answer.answers_to(test, predict, config.batch_size), threshold)
    return keras_bert.metrics.score_answers(texts, test.right_answers, metric), None, len(test)


def of_vectors(config, model, tokenizer, max_length):
    """Config, text embedder, ... -> scores of a search, or of cosines; None; number of groups or pairs."""
    trained.options_of(config, model.task)  # checks them
    columns = () if config.text_columns is None else config.text_columns
    test = embedding.read(config.test, dataclasses.replace(config, text_columns=columns))
    is_search = not isinstance(test, keras_bert.data.LabelledTexts)

    def encode(texts, kind):
        sizes = {"batch_size": config.batch_size, "max_length": max_length}
        return keras_bert.embed(texts, model, tokenizer, prompt=config.prompt or kind, **sizes)

    return embedding.scores(test, encode, embedding.kinds_of_prompts(model.embedder, asks=is_search)), None, len(test)


SCORES = {
    "text_classifier": of_texts,
    "text_regressor": of_texts,
    "token_classifier": of_tags,
    "span_predictor": of_answers,
    "text_embedder": of_vectors,
}

if __name__ == "__main__":
    command_line.run(Config, main)
