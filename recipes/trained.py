"""What `predict`, `evaluate`, `export` and `demo` share: a trained model's options, and loading it for its task."""

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.utils.checks import check_positive_integer

TASKS = (
    *("text_classifier", "text_regressor", "text_embedder", "token_classifier", "span_predictor"),
    *("masked_language_model", "pretrainer"),
)
# Task -> options of its predictor; a task that isn't here has none.
_OPTIONS = {
    "text_classifier": ("cut", "stride"),
    "text_regressor": ("cut", "stride"),
    "text_embedder": ("prompt",),
    "token_classifier": ("stride", "unit", "fallback", "is_entities"),
    "span_predictor": ("stride", "max_question_length", "max_answer_length", "num_answers", "null_threshold"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
    """The options of a trained model, and of how it answers; each program adds its own.

    Args:
        model: What a recipe's --output or save_pretrained wrote, or a hub id.
        adapters: What save_adapters or PEFT wrote, trained on `model`. A head that `model` lacks is theirs; its classes
            have numbers for names.
        task: What it was trained for, where its config.json doesn't say.
        is_entities: Whether the tags mark entities. By default detected.
        fallback: The tag of words that normalization removes. By default O, or else the model's first.
        max_length: The most tokens of a row. By default as in training, if that is kept beside the model, as recipes
            keep it; or else the most that the model has positions for.
        stride: The tokens that two windows of a longer text share. By default texts are cut, and only tags and answers
            have windows, or texts whose model was trained in windows.
        cut: What a longer text loses, as in training: its end, or its middle.
        max_question_length: The most tokens of a question; what is longer loses its end. By default 64.
        max_answer_length: The most tokens of an answer. By default 30.
        null_threshold: A question has no answer if `null_difference` is greater; `keras-bert answer` reports a number
            for this. By default there is an answer always.
        prompt: Name of one of an embedder's prompts, which stands before each text.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
    """

    model: str
    adapters: Path | None = None
    task: Literal[TASKS] | None = None
    is_entities: bool | None = None
    fallback: str | None = None
    max_length: int | None = None
    stride: int | None = None
    cut: Literal["end", "middle"] | None = None
    max_question_length: int | None = None
    max_answer_length: int | None = None
    null_threshold: float | None = None
    prompt: str | None = None
    precision: Literal["float32", "mixed_bfloat16"] = "float32"

    def __post_init__(self):
        if self.max_length is not None:
            check_positive_integer("max_length", self.max_length)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answering(Trained):
    """The options of a trained model that answers a file.

    Args:
        text_column: Column, or key, of the text; or the column's place, counted from 0. By default text.
        text_columns: The same of two texts: of pairs, by default premise and hypothesis; of questions, by default
            question and context.
        word_column: Of CoNLL files, the column of the words, counted from 0; by default the first, or the second where
            the first numbers the words.
        batch_size: Texts in a batch.
    """

    text_column: str | None = None
    text_columns: tuple[str, str] | None = None
    word_column: int | None = None
    batch_size: int = 32

    def __post_init__(self):
        super().__post_init__()
        check_positive_integer("batch_size", self.batch_size)
        if self.text_column is not None and self.text_columns is not None:
            raise ValueError(
                "Give `text_column` for single texts or `text_columns` for two, not both. Received: text_column="
                f"{self.text_column}, text_columns={', '.join(self.text_columns)}."
            )


def options_of(config, task, of_words=False):
    """A `Trained`, its task, whether texts come as words -> those of the predictor's options that are given: a dict.

    A `ValueError` names those that the predictor of this task doesn't have.
    """
    every = dict.fromkeys(name for names in _OPTIONS.values() for name in names)
    given = {name: getattr(config, name, None) for name in every}
    given = {name: value for name, value in given.items() if value is not None}
    taken = [name for name in _OPTIONS.get(task, ()) if hasattr(config, name) and not (of_words and name == "unit")]
    if unknown := [name for name in given if name not in taken]:
        takes, received = (", ".join(f"--{name.replace('_', '-')}" for name in names) for names in (taken, unknown))
        of = " for words that are parted" if of_words else ""
        raise ValueError(
            f"Of these options a {task}{of} takes {takes or 'none'}. Received: {received}. Leave them out."
        )
    return given


def task_of(config):
    """A `Trained` -> its task, given or found out; a `ValueError` if the directory is a SavedModel."""
    directory = Path(config.model).expanduser()
    if (directory / "saved_model.pb").is_file():
        raise ValueError(
            f"{config.model} is a SavedModel, by which `keras-bert predict` answers. Here give the checkpoint that it "
            "was exported from, which save_pretrained or a recipe's --output wrote."
        )
    if config.task is not None:
        return config.task
    if not (directory / "model.onnx").is_file():
        of_adapters = (
            None if config.adapters is None else keras_bert.checkpoints.peft.task_of_adapters(config.adapters)[0]
        )
        return of_adapters or keras_bert.checkpoints.task_of(config.model)
    return json.loads((directory / "config.json").read_text(encoding="utf-8"))["task"]


def load(config, task):
    """A `Trained`, its task -> the model, its tokenizer and the most tokens of a row; sets the precision."""
    import keras

    keras.config.set_dtype_policy(config.precision)
    model, tokenizer = (
        keras_bert.load_pretrained(config.model, task=task) if config.adapters is None else adapted(config, task)
    )
    if tokenizer is None:
        raise ValueError(f"{config.model} has no vocabulary. Save the model together with its tokenizer.")
    if model.random_weights:
        raise ValueError(
            f"{config.model} wasn't trained as a {task}: {', '.join(model.random_weights)} would be random, and the "
            "answers chance. Leave --task out, or give a model that was trained for it."
        )
    most = keras_bert.long_texts.length_of_rows(model, None)
    kept = keras_bert.checkpoints.trained_length(config.model) or most
    return model, tokenizer, keras_bert.models.check_length_of(model, config.max_length or min(kept, most))


def takes_pairs(config):
    """A `Trained` -> whether its model was trained on pairs of texts, as far as its config.json says."""
    directory = Path(config.model).expanduser()
    if (directory / "model.onnx").is_file():
        contents = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        return bool(contents["options"].get("pairs"))
    return keras_bert.checkpoints.takes_pairs(config.model)


def adapted(config, task):
    """A `Trained` with adapters, its task -> the adapted model and its tokenizer."""
    _, num_classes = keras_bert.checkpoints.peft.task_of_adapters(config.adapters)
    has_classes = num_classes is not None and task in ("text_classifier", "token_classifier")
    with warnings.catch_warnings():
        if num_classes is not None:  # a head that the checkpoint lacks is loaded next
            warnings.filterwarnings("ignore", ".*start random")
        head = {"num_classes": num_classes} if has_classes else {}
        model, tokenizer = keras_bert.load_pretrained(config.model, task=task, **head)
    return keras_bert.load_adapters(model, config.adapters), tokenizer


def columns_of(config, task, names, of_pairs=False):
    """An `Answering`, its task, the columns that there are, whether the model is known to take pairs -> those of the
    texts: a tuple of one name or two."""
    if config.text_columns is not None or task == "span_predictor":
        return config.text_columns or ("question", "context")
    pairs = ("premise", "hypothesis")
    has_pairs = {*pairs} <= {*names}
    if of_pairs and (config.text_column is not None or (names and not has_pairs)):
        received = config.text_column or f"the columns {', '.join(names)}"
        raise ValueError(
            f"{config.model} was trained on pairs of texts, so a single text's answer would mean nothing. Received: "
            f"{received}. Give the columns of the two texts by `text_columns`."
        )
    of_texts = config.text_column is None and task in ("text_classifier", "text_regressor")
    if of_pairs or (of_texts and "text" not in names and has_pairs):
        return pairs
    return (config.text_column or "text",)
