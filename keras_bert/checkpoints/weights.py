"""What every format of checkpoint shares: building a model, copying weights by name, reporting what doesn't fit."""

import dataclasses
import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from keras_bert import models
from keras_bert.config import BertConfig
from keras_bert.layers.quantized import check_not_quantized
from keras_bert.utils.checks import check_names, some_of

# Task, which is its builder's name -> the names of its heads' layers.
HEADS = {
    "backbone": (),
    "pretrainer": ("mlm", "nsp"),
    "masked_language_model": ("mlm",),
    "text_classifier": ("classifier",),
    "text_regressor": ("regressor",),
    "token_classifier": ("classifier",),
    "span_predictor": ("span",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """An opened checkpoint of some format: what it holds, and how to read it under this library's names.

    A weight of this library is named by its layer's path, for example `encoder_0/query_key_value/kernel`.

    Args:
        origin: Where it comes from, for messages.
        config: The encoder's `BertConfig`.
        shapes: The format's name of every stored weight -> its stored shape.
        read: The format's name -> the stored array.
        foreign_names: Name of this library -> the format's names whose arrays, side by side on the last axis, are
            the weight.
        orient: Name of this library, array as stored -> array as this library has it; the same function turns it back.
        tokenizer: The checkpoint's tokenizer, or None.
        labels: Names of the classes of its classifier, or None.
        head_dropout: Dropout of its classifier, or None for the encoder's.
        head_tasks: The tasks that its classifier is for.
        multi_label: Whether its classifier gives any number of classes at once, each with a sigmoid.
        adjust: Gives a model the arithmetic of this checkpoint that `config` can't say, or None.
    """

    origin: str
    config: BertConfig
    shapes: Mapping[str, tuple]
    read: Callable
    foreign_names: Callable
    orient: Callable
    tokenizer: object = None
    labels: tuple | None = None
    head_dropout: float | None = None
    head_tasks: tuple = ("text_classifier", "text_regressor", "token_classifier")
    multi_label: bool = False
    adjust: Callable | None = None


def build(checkpoint, task, head_arguments):
    """checkpoint, task, the user's arguments of the head -> the task's model with the checkpoint's weights."""
    head = _head_of(checkpoint, task, head_arguments)
    _check_segments(task, checkpoint.config, checkpoint.origin)
    model = models.backbone(checkpoint.config)
    if task != "backbone":
        model = getattr(models, task)(model, **head.arguments)
    _copy_weights(checkpoint, model, task, head.new_layers)
    if head.order is not None:
        for variable in model.get_layer("classifier").dense.weights:
            variable.assign(variable.numpy()[..., head.order])
    if checkpoint.adjust is not None:
        checkpoint.adjust(model)
    return model


def variables_of(model):
    """model -> {this library's name: variable}, the same whatever the model is part of; not of a quantized one."""
    check_not_quantized(model)
    variables = {}
    for layer in model.layers:
        for variable in layer.weights:
            path = variable.path.split("/")
            variables["/".join(path[path.index(layer.name) :])] = variable
    return variables


def foreign_weights(model, foreign_names, orient):
    """model and a format's names -> {the format's name: float32 array}, to be written."""
    if model.random_weights:
        warnings.warn(
            f"Random weights are saved, for the model's checkpoint lacked them and they were never trained: "
            f"{', '.join(model.random_weights)}. Whoever loads the directory will take them for trained ones. Train "
            "them first, or load and save the checkpoint as a backbone.",
            stacklevel=4,
        )
    weights = {}
    for name, variable in variables_of(model).items():
        try:
            parts = foreign_names(name)
        except KeyError as error:
            raise ValueError(
                f"The model has a weight {name!r}, which BERT and its heads don't have. This layout takes models of "
                'keras_bert.models only; save others with model.save("....keras").'
            ) from error
        array = np.asarray(variable.numpy(), "float32")
        for part, values in zip(parts, np.split(array, len(parts), axis=-1), strict=True):
            # safetensors writes the bytes as they lie in memory: without the copy, a transposed array is wrong there.
            weights[part] = np.ascontiguousarray(orient(name, values))
    return weights


def open_tokenizer(load, origin):
    """Function that takes WordPieceTokenizer and gives a tokenizer or None -> the same, or None where it can't be."""
    try:
        from keras_bert.text import WordPieceTokenizer
    except ImportError as error:
        if not (error.name or "").startswith("tensorflow"):
            raise
        reason = (
            f"the tokenizer needs TensorFlow ({error}); install tensorflow and tensorflow-text, or tokenize elsewhere"
        )
    else:
        tokenizer = load(WordPieceTokenizer)
        if tokenizer is not None:
            return tokenizer
        reason = "it has no vocabulary: copy the vocab.txt there that the model was trained with"
    warnings.warn(f"{origin} is loaded without a tokenizer, and None takes its place: {reason}.", stacklevel=5)
    return None


def read_json(path):
    """Path of a file with a JSON object -> dict; a `ValueError` that names the file if it holds something else."""
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}. Copy or download it again.") from error
    except ValueError as error:
        raise ValueError(f"{path} isn't valid JSON: {error}. Copy or download it again.") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{path} must hold a JSON object. It holds a {type(contents).__name__}.")
    return contents


def check_no_labels(model, labels, layout):
    """model, the user's labels, a layout without labels -> None; a `ValueError`, or a warning of the model's own."""
    if labels is not None:
        raise ValueError(f'{layout} layout has no place for `labels`. Leave them out, or use layout="hugging_face".')
    if (own := model.labels) is not None:
        warnings.warn(
            f"{layout} layout has no place for the model's labels, {', '.join(map(repr, own))}: they aren't saved. "
            'Pass them to load_pretrained as labels=[...], or use layout="hugging_face".',
            stacklevel=4,
        )


def check_rows(tokenizer, config, origin):
    """Checks what was read of one checkpoint: a token embedding may have rows without a token, not all too many.

    They are there to round the number up, or for tokens that were never used. `check_vocabulary_size` takes such a
    model and such a tokenizer from then on.

    Args:
        tokenizer: The checkpoint's `WordPieceTokenizer`, or None.
        config: Its `BertConfig`.
        origin: Where it comes from, for messages.

    Raises:
        ValueError: If there are fewer rows than tokens, or more than twice as many that aren't a rounded number.
    """
    if tokenizer is None or tokenizer.vocabulary_size == config.vocabulary_size:
        return
    tokens, rows = tokenizer.vocabulary_size, config.vocabulary_size
    if not (tokens <= rows <= 2 * tokens or rows in _rounded_up(tokens)):
        raise _other_size(tokenizer, config, origin)
    tokenizer.rows = rows
    warnings.warn(
        f"{origin} has a vocabulary of {tokens} tokens and a token embedding of {rows} rows, {rows - tokens} of them "
        "without a token. That is right where the number was rounded up; else copy the vocabulary there that the model "
        "was trained with.",
        stacklevel=3,
    )


def check_vocabulary_size(tokenizer, config, origin):
    """Checks a tokenizer and a model that the user brings together.

    Args:
        tokenizer: A `WordPieceTokenizer`, or None.
        config: The model's `BertConfig`.
        origin: What they are, for messages.

    Raises:
        ValueError: If there is a token without a row in the token embedding, or a row without a token; but for rows of
            a checkpoint that was read so, and those that round the number up to a multiple of 8, 16 ... 1024.
    """
    if tokenizer is None:
        return
    tokens, rows = tokenizer.vocabulary_size, config.vocabulary_size
    was_read_so = tokens <= rows == getattr(tokenizer, "rows", None)
    if not (tokens == rows or was_read_so or rows in _rounded_up(tokens)):
        raise _other_size(tokenizer, config, origin)


def _rounded_up(tokens):
    """number of tokens -> the numbers of rows that it may have been rounded up to."""
    return {-(-tokens // multiple) * multiple for multiple in (8, 16, 32, 64, 128, 256, 512, 1024)}


def _other_size(tokenizer, config, origin):
    """WordPieceTokenizer, `BertConfig`, where they come from -> the `ValueError` to raise."""
    tokens, rows = tokenizer.vocabulary_size, config.vocabulary_size
    added = [token.content for token in getattr(tokenizer, "added_tokens", ())]
    return ValueError(
        f"The tokenizer and the model must have the same number of tokens. Received: a vocabulary of {tokens} tokens "
        f"and a token embedding of {rows} rows, in {origin}. Use the vocabulary that the model was trained with."
        + f" For tokens that were added ({some_of(added)}), give the model rows: keras_bert.resize_embeddings(model, "
        f"{tokens})." * bool(added and tokens > rows)
    )


def _check_segments(task, config, origin):
    """Raises a `ValueError` if a task is one of pairs of texts, and the second text has no segment."""
    if task in ("pretrainer", "span_predictor") and config.num_segments < 2:
        raise ValueError(
            f"A {task} reads pairs of texts, and the second text's segment is 1. {origin} has num_segments="
            f"{config.num_segments} (type_vocab_size): it knows segment 0 only. Load it for a task with one text, or "
            "use a checkpoint with two segments."
        )


class _Head(NamedTuple):
    """How the head of a model is made."""

    arguments: dict  # for the task's builder
    new_layers: tuple = ()  # names of the layers that start random, not from the checkpoint
    order: list | None = None  # class i is stored as class order[i]; None: the classes stand as they are stored


class _StoredHead(NamedTuple):
    """The classes of the head that a checkpoint has for a task."""

    num_classes: int
    labels: tuple | None

    def has(self, num_classes, labels):
        """number of classes and their names, None for any -> whether this head has them, in whatever order."""
        if num_classes is not None and num_classes != self.num_classes:
            return False
        return labels is None or self.labels is None or {*labels} == {*self.labels}


def _head_of(checkpoint, task, given):
    """checkpoint, task, the user's arguments -> `_Head`: as it is stored, with its classes in another order, or new."""
    accepted = _accepted_arguments(task, given)
    if task in ("backbone", "pretrainer", "masked_language_model"):
        return _Head({})
    num_classes, labels = _wanted_classes(task, given)
    stored, dropout = _stored_head(checkpoint, task), given.get("dropout")

    def head(num_classes, labels, dropout, **others):
        """arguments, of which the builder takes some -> `_Head`."""
        arguments = {"num_classes": num_classes, "labels": labels, "dropout": dropout}
        return _Head({name: value for name, value in arguments.items() if name in accepted}, **others)

    # New: there is no such head, or it has other classes.
    if stored is None and num_classes is None:
        raise ValueError(
            f"{checkpoint.origin} has no head of a {task}, so the number of classes isn't known. "
            "Pass num_classes=... or labels=[...]."
        )
    if stored is None or not stored.has(num_classes, labels):
        return head(num_classes, labels, dropout, new_layers=HEADS[task])

    # As it is stored, under its own names or those that the user gives to nameless classes.
    if "labels" in accepted:
        _check_stored_classifier(checkpoint, stored.num_classes)
    dropout = checkpoint.head_dropout if dropout is None else dropout
    if labels is None or stored.labels is None:
        return head(stored.num_classes, labels or stored.labels, dropout)

    # With its classes in the user's order.
    order = [stored.labels.index(label) for label in labels]
    return head(stored.num_classes, labels, dropout, order=order if labels != stored.labels else None)


def _accepted_arguments(task, given):
    """task, the user's arguments -> names of those that the task's head takes; a `ValueError` if there are others."""
    accepted = {"num_classes", "labels", "dropout"} & inspect.signature(getattr(models, task)).parameters.keys()
    if unknown := sorted(given.keys() - accepted):
        raise ValueError(
            f"The task {task!r} takes {', '.join(sorted(accepted)) or 'no further arguments'}. "
            f"Received: {', '.join(unknown)}."
        )
    return accepted


def _wanted_classes(task, given):
    """task, the user's arguments -> number of classes and their names, each None if the user leaves it open."""
    if task == "text_regressor":
        return 1, None
    if task == "span_predictor":
        return 2, None  # start and end
    num_classes, labels = given.get("num_classes"), given.get("labels")
    if labels is None:
        return num_classes, None
    if num_classes is None:
        num_classes = len(labels) if isinstance(labels, (list, tuple)) else 1
    return num_classes, check_names("labels", labels, "num_classes", num_classes)


def _stored_head(checkpoint, task):
    """checkpoint, task -> its `_StoredHead`, or None where it has none for this task."""
    (layer,) = HEADS[task]
    (bias,) = checkpoint.foreign_names(f"{layer}/dense/bias")
    if bias not in checkpoint.shapes or (layer != "span" and task not in checkpoint.head_tasks):
        return None
    has_labels = task in ("text_classifier", "token_classifier")
    return _StoredHead(checkpoint.shapes[bias][0], checkpoint.labels if has_labels else None)


def _check_stored_classifier(checkpoint, num_classes):
    """checkpoint, its number of classes -> None; a `ValueError` if it has several labels a text, or unusable names."""
    if checkpoint.multi_label:
        raise ValueError(
            f"The config.json of {checkpoint.origin} has problem_type='multi_label_classification': a text may have "
            "several of its classes, each with a sigmoid. This library's classifiers choose one class, with a softmax. "
            'Load it with task="backbone" and put a head of your own on it, or change problem_type if it is wrong.'
        )
    labels = checkpoint.labels
    if labels is not None and (not all(labels) or len({*labels}) != len(labels) or len(labels) != num_classes):
        raise ValueError(
            f"The config.json of {checkpoint.origin} must have an id2label with a different name for each of the "
            f"{num_classes} classes of its head. It has: {', '.join(map(repr, labels))}. Mend the names there."
        )


def _copy_weights(checkpoint, model, task, new_layers):
    """Assigns the checkpoint's weights to the model's variables; warns of what is missing and what is left over."""
    missing, wrong, sources = [], [], {}
    for name, variable in variables_of(model).items():
        parts = checkpoint.foreign_names(name)
        absent = [part for part in parts if part not in checkpoint.shapes]
        if absent or name.split("/")[0] in new_layers:
            missing.extend((name, part) for part in absent or parts)
            continue
        shape = (*variable.shape[:-1], variable.shape[-1] // len(parts))
        expected = checkpoint.orient(name, np.broadcast_to(np.float32(0), shape)).shape
        wrong.extend(
            f"{part}: expected {expected}, found {tuple(checkpoint.shapes[part])}"
            for part in parts
            if tuple(checkpoint.shapes[part]) != expected
        )
        sources[name] = variable, parts

    origin = checkpoint.origin
    if lost := [part for name, part in missing if name.startswith(("embedding/", "encoder_"))]:
        raise ValueError(
            f"{origin} lacks weights of the encoder: {', '.join(lost)}. It holds: {some_of(sorted(checkpoint.shapes))}."
        )
    if wrong:
        raise ValueError(f"{origin} has weights whose shapes don't fit its configuration: {'; '.join(wrong)}.")
    for name, (variable, parts) in sources.items():
        arrays = [checkpoint.orient(name, np.asarray(checkpoint.read(part), "float32")) for part in parts]
        variable.assign(arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1))
    variables = variables_of(model)
    model.mark_as_random({name: variables[name] for name, _ in missing})

    used = {part for _, parts in sources.values() for part in parts}
    report = []
    if missing:
        report.append(f"these weights start random, not from the checkpoint: {', '.join(part for _, part in missing)}")
    if "classifier" in new_layers and _stored_head(checkpoint, task) is not None and checkpoint.labels:
        report.append(
            f"the checkpoint's classes are {some_of(map(repr, checkpoint.labels))}, not those asked for; if you only "
            "want to rename them, load it without `labels`, and pass `labels` to save_pretrained or predictor"
        )
    if left_over := [part for part in checkpoint.shapes if part not in used]:
        report.append(f"these weights of the checkpoint are left over: {', '.join(left_over)}")
    if report:
        warnings.warn(f"{origin} as a {task}: {'; '.join(report)}.", stacklevel=4)
