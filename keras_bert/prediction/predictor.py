"""Strings in, answers out: tokenizer, model and decoding as one function, for evaluation and for the exported model."""

import inspect

import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.models import check_built, check_length_of
from keras_bert.prediction import answers, tags, texts
from keras_bert.prediction.backend import check_backend
from keras_bert.prediction.masks import fill_masks
from keras_bert.prediction.tags import unit_tagger
from keras_bert.utils.checks import check_positive_integer

__all__ = ["fill_masks", "predict_in_batches", "predictor", "unit_tagger"]


def predictor(model, tokenizer, max_length=None, **options):
    """Makes one function of tokenizer, model and decoding.

    Args:
        model: A model from `text_classifier`, `text_regressor`, `token_classifier` or `span_predictor`.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        max_length: The most tokens of a row, [CLS] and [SEP] included. None: the model's `max_sequence_length`.
        **options: Of text classifiers, `labels`: the classes' names in the order of the logits; by default the model's
            own, or else their numbers. Of text regressors, `score_range`: a pair of numbers that no score is to be
            outside of. Of both, `stride`: longer texts run in windows that share so many tokens, and their logits are
            averaged; by default they lose their end. And `pairs`: if True, the model is for pairs of texts.
            Of span predictors, `stride` and `max_question_length`, as in `answering_batches`; `max_answer_length`, the
            most tokens of an answer (30); `num_answers`, how many answers to give (5); `null_threshold`, a number: the
            answer is none where `null_difference` is greater (by default there is one always).
            Of token classifiers, `labels`: the tags in the order of the logits, as above; `stride`: longer texts run in
            windows that share so many tokens, by default a quarter of `max_length`, and each word is answered where it
            has most context; `unit`: what has a tag, a "word" (words and punctuation marks, as BERT parts them), what
            white space parts ("space": for texts in which, as in the training files, a space stands between words and
            punctuation marks; each has the tag that `unit_tagger` gives it) or, for models trained on characters,
            whose entities end within words, a "piece" of a word. With "word", punctuation marks within the words of
            training files (U.S., n't, @user) are units of their own, whose tags training didn't see. `fallback`: with
            "space", the tag of words that vanish in normalization, as in `unit_tagger`.

    Returns:
        A `tf.function` of strings [B], by name or by position, that gives a dict.

        - text classifiers: `text` (and `second_text`) to `label`, string [B], and `probabilities`, float32 [B, C];
        - text regressors: `text` (and `second_text`) to `score`, float32 [B];
        - span predictors: `question` and `context` to `answer`, string [B], with `start` and `end`, its place in the
          context in characters, int32 [B] ("", -1 and -1: no answer); its `score`, the sum of its two logits, and its
          `probability` among those given, float32 [B]; the N best `answers` [B, N] with `starts`, `ends` and
          `probabilities`; and `null_difference`, float32 [B]: no answer's score less the best answer's;
        - token classifiers: `text` to `word`, string [B, U], its `start` and `end`, in characters, int32 [B, U], its
          `tag`, string [B, U], and `probability`, float32 [B, U]; where tags mark entities (O, B-PERSON, I-PERSON ...)
          also to `entity` and `entity_type`, string [B, E], with `entity_start` and `entity_end`, int32 [B, E]. Texts
          with fewer words or entities than others are filled up with "", -1 and 0.

    Raises:
        ValueError: If the model has no such task, the tokenizer has another vocabulary size, an option doesn't fit, or
            the backend isn't TensorFlow.

    Example:
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> answers = predictor(model, tokenizer, max_length=16, stride=4)(["Good!", "good " * 100])
    >>> tuple(answers["label"].shape), tuple(answers["probabilities"].shape)
    ((2,), (2, 2))
    """
    check_backend()
    task = check_built(model, *_TASKS)
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    accepted = [name for name in inspect.signature(_TASKS[task]).parameters if name not in _GIVEN]
    if unknown := sorted(options.keys() - {*accepted}):
        raise ValueError(f"The options of a {task} are {', '.join(accepted)}. Received: {', '.join(unknown)}.")
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
        A list of N dicts, in the order of the strings: the answer's arrays, without their first axis, and its strings
        as str. What is filled up, such as a text's words, is as long as in the batch's longest.

    Raises:
        ValueError: If a column is a single string, or the columns aren't of the same length.

    Example:
    >>> def shout(text):
    ...     return {"loud": tf.strings.upper(text)}
    >>> predict_in_batches(shout, ["a long text", "short"], batch_size=1)
    [{'loud': 'A LONG TEXT'}, {'loud': 'SHORT'}]
    """
    check_positive_integer("batch_size", batch_size)
    if single := [column for column in columns if isinstance(column, (str, bytes))]:
        raise ValueError(f"Each column must be a list of strings. Received: {single[0]!r:.80}. Put it in a list.")
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
            answers[i] = {key: _decoded(value[row]) for key, value in batch.items()}
    return answers


def _decoded(value):
    """array, number or bytes -> the same, but bytes as str."""
    if isinstance(value, bytes):
        return value.decode()
    is_bytes = isinstance(value, np.ndarray) and value.dtype == object
    return np.vectorize(bytes.decode, otypes=[object])(value) if is_bytes else value


def _classify(model, tokenizer, max_length, labels=None, stride=None, pairs=False):
    return texts.classify(model, tokenizer, tags.class_names(model, labels), max_length, stride, pairs)


# Task -> a function: model, tokenizer, options -> a function of strings, its inputs' names.
_TASKS = {
    "text_classifier": _classify,
    "text_regressor": texts.score,
    "span_predictor": answers.answer,
    "token_classifier": tags.tag,
}
_GIVEN = ("model", "tokenizer", "max_length")
