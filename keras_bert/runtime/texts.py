"""A text or a pair of texts in, a label or a score out.

Legend of the shapes: S windows, C classes.
"""

import itertools

import numpy as np

from keras_bert.runtime.answering import Answering, plain, softmax
from keras_bert.runtime.windows import window_spans
from keras_bert.utils.cuts import tokens_before_the_middle

# Name of an activation that makes a regressor's score of what it gives -> the function of a number.
SCORE_ACTIVATIONS = {
    "linear": lambda logit: logit,
    "relu": lambda logit: np.maximum(logit, np.float32(0)),
    "sigmoid": lambda logit: np.exp(-np.logaddexp(0, -logit)),  # right in its relative error too
    "tanh": np.tanh,
}


class _OfTexts(Answering):
    """What answers whole texts. Arguments: an `Engine`, the labels, and what `export_onnx` wrote of options."""

    def __init__(self, engine, labels, max_length, stride, pairs, cut="end"):
        super().__init__(engine, labels, ("text", "second_text") if pairs else ("text",))
        self._max_length, self._stride, self._pairs, self._cut = max_length, stride, pairs, cut

    def _answers(self, rows, batch_size):
        texts, *second_texts = zip(*rows, strict=True)
        ids = self._engine.ids(texts)
        if self._pairs:
            pairs = zip(ids, self._engine.ids(*second_texts), strict=True)
            windows = [[self._engine.row(*_longest_first(*pair, self._max_length - 3))] for pair in pairs]
        elif self._stride is None:
            windows = [[self._engine.row(_cut(tokens, self._max_length - 2, self._cut))] for tokens in ids]
        else:
            windows = [self._windows_of(tokens) for tokens in ids]
        logits = np.array(self._engine.run(list(itertools.chain(*windows)), "logits", batch_size))  # [S, C]
        begins = np.cumsum([0, *map(len, windows[:-1])])
        sums = np.add.reduceat(logits, begins, axis=0)
        return [self._decoded(row) for row in sums / np.array([[len(of_text)] for of_text in windows], "float32")]

    def _windows_of(self, tokens):
        """ids of a text -> list of the `Row`s of its windows."""
        spans = window_spans(len(tokens), self._max_length - 2, self._stride)
        return [self._engine.row(tokens[begin:end]) for begin, end in spans]


class TextClassifier(_OfTexts):
    """Labels of texts: of each one, or all that have their thresholds."""

    def __init__(self, engine, labels, thresholds=None, **options):
        super().__init__(engine, labels, **options)
        self._thresholds = None if thresholds is None else np.array(thresholds, np.float32)

    def _decoded(self, logits):
        if self._thresholds is not None:
            shares = SCORE_ACTIVATIONS["sigmoid"](logits)
            named = dict(zip(self.labels, map(plain, shares), strict=True))
            return {
                "labels": [self.labels[number] for number in np.flatnonzero(shares >= self._thresholds)],
                "probabilities": named,
            }
        probabilities = [*map(plain, softmax(logits))]
        named = dict(zip(self.labels, probabilities, strict=True))
        return {"label": self.labels[int(np.argmax(logits))], "probabilities": named}


class TextRegressor(_OfTexts):
    """Scores of texts."""

    def __init__(self, engine, labels, score_range, activation=None, **options):
        super().__init__(engine, labels, **options)
        self._score_range, self._activated = score_range, SCORE_ACTIVATIONS[activation or "linear"]

    def _decoded(self, logits):
        score = self._activated(logits[0])
        return {"score": plain(score if self._score_range is None else np.clip(score, *self._score_range))}


def _cut(ids, room, cut):
    """ids of a text, tokens that there is room for, "end" or "middle" -> the same without what is too much there."""
    if cut == "end" or len(ids) <= room:
        return ids[:room]
    head = tokens_before_the_middle(room)
    return [*ids[:head], *ids[len(ids) - room + head :]]


def _longest_first(ids, second_ids, room):
    """ids of a pair of texts, tokens that there is room for -> the same, cut: the longer text loses its end first."""
    of_shorter = min(len(ids), len(second_ids), room // 2)
    if len(ids) > len(second_ids):
        return ids[: room - of_shorter], second_ids[:of_shorter]
    return ids[:of_shorter], second_ids[: room - of_shorter]
