"""Strings in, answers out: tokenizer, model and decoding as one function, for evaluation and for the exported model."""

import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size, task_of
from keras_bert.checks import check_names, check_positive_integer
from keras_bert.models import check_length_of, config_of, labels_of
from keras_bert.prediction import texts

__all__ = ["predict_in_batches", "predictor"]


def predictor(model, tokenizer, max_length=None, **options):
    """Makes one function of tokenizer, model and decoding.

    Args:
        model: A model from `text_classifier` or `text_regressor`.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        max_length: The most tokens of a row, [CLS] and [SEP] included. None: the model's `max_sequence_length`.
        **options: Of text classifiers, `labels`: the classes' names in the order of the logits; by default the model's
            own, or else their numbers. Of text regressors, `score_range`: a pair of numbers that no score is to be
            outside of. Of both, `stride`: longer texts run in windows that share so many tokens, and their logits are
            averaged; by default they lose their end. And `pairs`: if True, the model is for pairs of texts.

    Returns:
        A `tf.function` of strings [B], by name or by position, that gives a dict.

        - text classifiers: `text` (and `second_text`) to `label`, string [B], and `probabilities`, float32 [B, C];
        - text regressors: `text` (and `second_text`) to `score`, float32 [B].

    Raises:
        ValueError: If the model has no such task, the tokenizer has another vocabulary size, or an option doesn't fit.

    Example:
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> answers = predictor(model, tokenizer, max_length=16, stride=4)(["Good!", "good " * 100])
    >>> tuple(answers["label"].shape), tuple(answers["probabilities"].shape)
    ((2,), (2, 2))
    """
    task = task_of(model)
    if task not in _TASKS:
        raise ValueError(f"`model` must come from one of keras_bert's {', '.join(_TASKS)}. Received: a {task}.")
    check_vocabulary_size(tokenizer, config_of(model), "the model and the tokenizer")
    answer, names = _TASKS[task](model, tokenizer, max_length=check_length_of(model, max_length), **options)
    signature = [tf.TensorSpec([None], tf.string, name=name) for name in names]
    return tf.function(answer, input_signature=signature, autograph=False)


def predict_in_batches(predict, *columns, batch_size=32):
    """Answers any number of strings, in batches of texts of near-equal length.

    Args:
        predict: A function from `predictor`.
        *columns: A list of N strings for each of its inputs.
        batch_size: Number of texts in a batch.

    Returns:
        A list of N dicts, in the order of the strings: the answer's arrays, without their first axis.

    Raises:
        ValueError: If the columns aren't of the same length.

    Example:
    >>> def shout(text):
    ...     return {"loud": tf.strings.upper(text)}
    >>> predict_in_batches(shout, ["a long text", "short"], batch_size=1)
    [{'loud': b'A LONG TEXT'}, {'loud': b'SHORT'}]
    """
    check_positive_integer("batch_size", batch_size)
    if len({len(column) for column in columns}) != 1:
        raise ValueError(f"Each text needs its partner. Received: {[len(column) for column in columns]} strings.")
    lengths = np.sum([[len(text) for text in column] for column in columns], axis=0)
    order = np.argsort(-lengths, kind="stable")  # the longest first: what is too much for the memory fails at once
    answers = [None] * len(order)
    for begin in range(0, len(order), batch_size):
        chosen = order[begin : begin + batch_size]
        batch = predict(*(tf.constant([column[i] for i in chosen]) for column in columns))
        batch = {key: value.numpy() for key, value in batch.items()}
        for row, i in enumerate(chosen):
            answers[i] = {key: value[row] for key, value in batch.items()}
    return answers


def _classify(model, tokenizer, labels=None, **options):
    """The classifier's own names for its classes, or their numbers, unless others are given."""
    num_classes = model.output.shape[-1]
    if labels is None:
        labels = labels_of(model) or [str(number) for number in range(num_classes)]
    labels = check_names("labels", labels, "num_classes", num_classes)
    return texts.classify(model, tokenizer, labels, **options)


def _score(model, tokenizer, score_range=None, **options):
    return texts.score(model, tokenizer, score_range, **options)


# Task -> model, tokenizer, options -> a function of strings, its inputs' names.
_TASKS = {"text_classifier": _classify, "text_regressor": _score}
