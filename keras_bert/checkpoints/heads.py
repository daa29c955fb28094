"""The head of a model: as its checkpoint has it, with its classes in another order, or new."""

import dataclasses
import inspect
from typing import NamedTuple

from keras_bert import models
from keras_bert.config import EmbedderConfig
from keras_bert.utils.checks import check_boolean, check_names

# Task, which is its builder's name -> the names of its heads' layers.
HEADS = {
    "backbone": (),
    "pretrainer": ("mlm", "nsp"),
    "masked_language_model": ("mlm",),
    "text_classifier": ("classifier",),
    "text_regressor": ("regressor",),
    "text_embedder": (),
    "token_classifier": ("classifier",),
    "span_predictor": ("span",),
}


class Head(NamedTuple):
    """How the head of a model is made."""

    arguments: dict  # for the task's builder
    new_layers: tuple = ()  # names of the layers that start random, not from the checkpoint
    order: list | None = None  # class i is stored as class order[i]; None: the classes stand as they are stored
    thresholds: tuple | None = None  # of a classifier of several labels a text; None: as its builder has them


class StoredHead(NamedTuple):
    """The classes of the head that a checkpoint has for a task."""

    num_classes: int
    labels: tuple | None

    def has(self, num_classes, labels):
        """number of classes and their names, None for any -> whether this head has them, in whatever order."""
        if num_classes is not None and num_classes != self.num_classes:
            return False
        return labels is None or self.labels is None or {*labels} == {*self.labels}


def head_of(checkpoint, task, given):
    """checkpoint, task, the user's arguments -> `Head`: as it is stored, with its classes in another order, or new."""
    accepted = _accepted_arguments(task, given)
    if task in ("backbone", "pretrainer", "masked_language_model"):
        return Head({})
    if task == "text_embedder":
        return _embedder_head(checkpoint.embedder, given)
    num_classes, labels = _wanted_classes(task, given)
    stored, dropout = stored_head(checkpoint, task), given.get("dropout")
    multi_label = given.get("multi_label")

    def head(num_classes, labels, dropout, multi_label, **others):
        """arguments, of which the builder takes some -> `Head`."""
        arguments = {"num_classes": num_classes, "labels": labels, "dropout": dropout, "multi_label": multi_label}
        arguments["score_activation"] = given.get("score_activation", checkpoint.score_activation)
        return Head({name: value for name, value in arguments.items() if name in accepted}, **others)

    # New: there is no such head, it has other classes, or it chooses them in another way.
    if stored is None and num_classes is None:
        raise ValueError(
            f"{checkpoint.origin} has no head of a {task}, so the number of classes isn't known. "
            "Pass num_classes=... or labels=[...]."
        )
    if stored is None or not stored.has(num_classes, labels):
        return head(num_classes, labels, dropout, bool(multi_label), new_layers=HEADS[task])
    if multi_label is not None and checkpoint.multi_label not in (None, check_boolean("multi_label", multi_label)):
        labels = labels or stored.labels
        return head(stored.num_classes, labels, dropout, multi_label, new_layers=HEADS[task])

    # As it is stored, under its own names or those that the user gives to nameless classes.
    if "labels" in accepted:
        _check_stored_classifier(checkpoint, stored.num_classes, task)
    dropout = checkpoint.head_dropout if dropout is None else dropout
    multi_label = bool(checkpoint.multi_label if multi_label is None else multi_label)
    thresholds = checkpoint.thresholds if multi_label else None
    if labels is None or stored.labels is None:
        return head(stored.num_classes, labels or stored.labels, dropout, multi_label, thresholds=thresholds)

    # With its classes in the user's order.
    order = [stored.labels.index(label) for label in labels]
    thresholds = thresholds and tuple(thresholds[number] for number in order)
    order = order if labels != stored.labels else None
    return head(stored.num_classes, labels, dropout, multi_label, order=order, thresholds=thresholds)


def _embedder_head(stored, given):
    """The checkpoint's `EmbedderConfig` or None, the user's settings -> `Head`: as stored but for what the user gives.

    Of other projections than the stored ones, all start random.
    """
    stored = vars(stored or EmbedderConfig())
    settings = {**stored, **given}
    if "prompts" in given and settings["default_prompt"] == stored["default_prompt"] not in (given["prompts"] or {}):
        settings["default_prompt"] = None  # it was one of those that are replaced
    projections = EmbedderConfig(**settings).projections
    is_new = projections != stored["projections"]
    return Head(settings, new_layers=tuple(f"projection_{i}" for i in range(len(projections))) if is_new else ())


def _accepted_arguments(task, given):
    """task, the user's arguments -> names of those that the task's head takes; a `ValueError` if there are others."""
    accepted = {"num_classes", "labels", "dropout", "multi_label", "score_activation"}
    accepted &= inspect.signature(getattr(models, task)).parameters.keys()
    if task == "text_embedder":
        accepted = {field.name for field in dataclasses.fields(EmbedderConfig)}
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


def stored_head(checkpoint, task):
    """checkpoint, task -> its `StoredHead`, or None where it has none for this task."""
    (layer,) = HEADS[task]
    (bias,) = checkpoint.foreign_names(f"{layer}/dense/bias")
    if bias not in checkpoint.shapes or (layer != "span" and task not in checkpoint.head_tasks):
        return None
    has_labels = task in ("text_classifier", "token_classifier")
    return StoredHead(checkpoint.shapes[bias][0], checkpoint.labels if has_labels else None)


def _check_stored_classifier(checkpoint, num_classes, task):
    """checkpoint, its number of classes, task -> None; a `ValueError` for several labels a token, or unusable names."""
    if checkpoint.multi_label and task == "token_classifier":
        raise ValueError(
            f"The config.json of {checkpoint.origin} has problem_type='multi_label_classification': a token may have "
            "several of its classes, each with a sigmoid. This library's token classifiers choose one, with a softmax. "
            'Load it with task="backbone" and put a head of your own on it, or change problem_type if it is wrong.'
        )
    labels = checkpoint.labels
    if labels is not None and (not all(labels) or len({*labels}) != len(labels) or len(labels) != num_classes):
        raise ValueError(
            f"The config.json of {checkpoint.origin} must have an id2label with a different name for each of the "
            f"{num_classes} classes of its head. It has: {', '.join(map(repr, labels))}. Mend the names there."
        )
