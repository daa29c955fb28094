"""A text or a pair of texts in, a label or a score out.

Legend of the shapes: B texts or pairs, S windows, C classes.
"""

import tensorflow as tf

from keras_bert.data.packing import check_cut, check_max_length, model_inputs, pad
from keras_bert.data.windows import check_stride, check_windows, whole_windows, window_rows, windowed
from keras_bert.long_texts import windows_of
from keras_bert.prediction.decoding import decode_classes, decode_scores, decode_several_classes
from keras_bert.prediction.running import outputs_in_slices, outputs_of
from keras_bert.utils.checks import check_names, check_range


class TextClassifier:
    """Labels of texts. Arguments: a text_classifier, its WordPieceTokenizer, and `predictor`'s options."""

    def __init__(self, model, tokenizer, max_length, labels=None, stride=None, pairs=None, cut="end"):
        self.labels = class_names(model, labels)
        self._model = model
        self._logits = _Logits(model, tokenizer, max_length, stride, pairs, cut)
        self.input_names = self._logits.input_names

    def answer(self, text, second_text=None):
        """Strings [B] -> a dict of `label`, string [B], or `labels`, [B, L]; and `probabilities`, float32 [B, C]."""
        logits = self._logits(text, second_text)
        if self._model.multi_label:
            return decode_several_classes(logits, self.labels, self._model.thresholds)
        return decode_classes(logits, self.labels)

    def as_python(self, rows):
        """B rows of `answer`, each a dict of plain values -> B answers, dicts."""
        return named_classes(rows, self.labels)


def named_classes(rows, labels):
    """B rows of plain values, all classes -> the rows with {class: probability} last, and without what `labels` are
    filled up with."""
    answers = []
    for row in rows:
        probabilities = dict(zip(labels, row.pop("probabilities"), strict=True))
        if "labels" in row:
            row["labels"] = [label for label in row["labels"] if label]
        answers.append({**row, "probabilities": probabilities})
    return answers


class TextRegressor:
    """Scores of texts. Arguments: a text_regressor, its WordPieceTokenizer, and `predictor`'s options."""

    labels = None

    def __init__(self, model, tokenizer, max_length, score_range=None, stride=None, pairs=None, cut="end"):
        self._activation = model.score_activation
        self._score_range = None if score_range is None else check_range("score_range", score_range)
        self._logits = _Logits(model, tokenizer, max_length, stride, pairs, cut)
        self.input_names = self._logits.input_names

    def answer(self, text, second_text=None):
        """Strings [B] -> a dict of `score`, float32 [B]."""
        return decode_scores(self._logits(text, second_text), self._score_range, self._activation)

    def as_python(self, rows):
        """B rows of `answer`, each a dict of plain values -> B answers, dicts."""
        return rows


def class_names(model, labels=None):
    """classifier of texts or tokens, names or None -> names of its classes: those given, its own, or numbers."""
    num_classes = model.output.shape[-1]
    if labels is None:
        labels = model.labels or [str(number) for number in range(num_classes)]
    return check_names("labels", labels, "num_classes", num_classes)


def check_pairs(model, pairs=None):
    """classifier or regressor of texts, what a user says or None -> whether it takes pairs; a `ValueError` if not."""
    if model.pairs and pairs is not None and not pairs:
        raise ValueError(
            "The model was trained on pairs of texts, so a single text's answer would mean nothing. Received: "
            "pairs=False. Give two texts, in two columns; or call model.keep_pairs(False) if it isn't so."
        )
    return model.pairs or bool(pairs)


class _Logits:
    """A model's logits of texts or pairs; those of a text in windows are the mean of its windows'."""

    def __init__(self, model, tokenizer, max_length, stride, pairs, cut):
        pairs = check_pairs(model, pairs)
        check_max_length(max_length, 2 if pairs else 1)
        check_cut(cut, 2 if pairs else 1)
        if pairs and model.config.num_segments < 2:
            raise ValueError(
                "Pairs of texts need a model with two segments, for the second text's is 1. Received: a model with "
                f"num_segments={model.config.num_segments}. Give single texts, or use another checkpoint."
            )
        if stride is not None and pairs:
            raise ValueError("Pairs of texts don't run in windows. Give `stride` or `pairs`, not both.")
        if stride is not None and cut != "end":
            raise ValueError(f"Texts in windows lose nothing. Give `stride` or `cut`, not both. Received: cut={cut!r}.")
        if stride is not None:
            check_stride(stride, max_length - 2)
        self._windows = windows_of(model)
        if self._windows is not None:
            check_windows(self._windows, max_length, cut, 2 if pairs else 1)
            if stride is not None:
                raise ValueError(f"The model has windows of its own. Received: stride={stride}. Leave it out.")
        self._cut = cut
        self.input_names = ("text", "second_text") if pairs else ("text",)
        self._model, self._tokenizer, self._max_length, self._stride = model, tokenizer, max_length, stride

    def __call__(self, text, second_text):
        """Strings [B], the same or None -> floats [B, C]."""
        if self._windows is not None:
            rows = pad(window_rows(self._tokenizer(text), self._tokenizer, self._windows), self._tokenizer)
            return outputs_of(self._model, whole_windows(rows, self._tokenizer, self._windows.length))
        if self._stride is None:
            inputs = model_inputs(text, self._tokenizer, self._max_length, second_texts=second_text, cut=self._cut)
            return outputs_of(self._model, inputs)
        rows, _, texts = windowed(self._tokenizer(text), self._tokenizer, self._max_length, self._stride)
        logits = outputs_in_slices(self._model, pad(rows, self._tokenizer))  # [S, C]
        return tf.math.segment_mean(logits, texts)  # [B, C]
