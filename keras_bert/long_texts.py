"""Classifiers and regressors of texts that are longer than a row: whole texts in overlapping windows.

Legend of the shapes: B texts, W windows of a text, T tokens of a window, L = W * T cells of a row, D hidden.
"""

import dataclasses

from keras_bert.config import Windows
from keras_bert.distribution.model import BertModel
from keras_bert.layers.windows import WindowPooling, WindowsAsRows
from keras_bert.models import check_built, check_length_of

_HEADS = {"text_classifier": "classifier", "text_regressor": "regressor"}


def in_windows(model, length=None, stride=None, pooling="mean", most=None):
    """Makes a model that reads long texts whole, in overlapping windows; it shares its weights with the one it is of.

    Each window runs through the encoder by itself; what BERT makes of its [CLS] is pooled over the windows of a text,
    and the head gives one answer a text, with one loss in training. Of a text of one window the answers are those of
    the model without windows.

    A row of its inputs holds all windows of a text: `classification_batches` and `regression_batches` make such rows if
    they get its `windows_of`; `predictor` and the SavedModel read texts so by themselves. `.keras` files and
    `save_pretrained` keep the windows; transformers, which doesn't know them, reads the first. Rows cost memory by
    their windows: bound it by `most`, `accumulate`, or a smaller batch.

    Args:
        model: A text_classifier or text_regressor.
        length: Tokens T of a window, [CLS] and [SEP] included. None: as many as the model has positions.
        stride: The tokens that two windows share. None: a quarter of `length`.
        pooling: What the windows' vectors become: their `"mean"`, or that of the `"first_and_last"`, between which none
            is read then.
        most: The most windows of a text; what is beyond isn't read, by `predictor` and the SavedModel neither. None:
            all.

    Returns:
        A functional `keras.Model` with the same task, labels and weights. Inputs, a dict of int32 [B, L]: `token_ids`,
        `segment_ids` and `padding_mask`, k for the tokens of the k-th window, which begins at (k - 1) * T. Output:
        float32 [B, C].

    Raises:
        ValueError: If the model is another one or has windows already, or an argument is out of its range.

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=3)
    >>> model = in_windows(model, length=128, stride=32)
    >>> tuple(model.output.shape), windows_of(model).pooling
    ((None, 3), 'mean')
    """
    task = check_built(model, *_HEADS)
    if windows_of(model) is not None:
        raise ValueError(
            f"The model reads texts in windows already: {windows_of(model)}. For other windows, pass "
            "keras_bert.without_windows(model)."
        )
    windows = Windows(length=check_length_of(model, length), stride=stride, pooling=pooling, most=most)
    fold = WindowsAsRows(windows.length, name="windows_as_rows")
    rows = {name: fold(value, as_mask=name == "padding_mask") for name, value in model.input.items()}  # [B * W, T]
    pooling_layer = WindowPooling(**dataclasses.asdict(windows), name="window_pooling")
    vectors = pooling_layer(_pooled(model, rows), model.input["padding_mask"])  # [B, D]
    return _with_head(model, vectors, task)


def without_windows(model):
    """Makes the model that reads a row at a time, of one that reads long texts in windows; it shares its weights.

    Of a text of one window both give the same answer. ONNX and LiteRT take this one, `in_windows` gives it other
    windows, and `soft_batches` lets it teach.

    Args:
        model: A text_classifier or text_regressor, as `in_windows`, `load_pretrained` or a `.keras` file gave it.

    Returns:
        A functional `keras.Model` with the same task, labels and weights, as `text_classifier` or `text_regressor`
        makes it.

    Raises:
        ValueError: If the model is another one.

    Example:
    >>> model = keras_bert.text_regressor(keras_bert.backbone(keras_bert.BertConfig.named("tiny")))
    >>> windows_of(without_windows(in_windows(model, length=64))) is None
    True
    """
    task = check_built(model, *_HEADS)
    return _with_head(model, _pooled(model, model.input), task)


def _pooled(model, rows):
    """model, inputs of its backbone [N, T] -> BERT's pooled output [N, D]."""
    mask = rows["padding_mask"]
    embedding = model.get_layer("embedding")
    hidden_states = embedding(rows["token_ids"], segment_ids=rows["segment_ids"], padding_mask=mask)
    *layers, last = (model.get_layer(f"encoder_{i}") for i in range(model.config.num_layers))
    for layer in layers:
        hidden_states = layer(hidden_states, padding_mask=mask)
    return model.get_layer("pooler")(last(hidden_states, padding_mask=mask, positions=0))


def _with_head(model, vectors, task):
    """model, vectors [B, D] made of its inputs, task -> the model that gives its head's answers to these."""
    made = BertModel(model.input, model.get_layer(_HEADS[task])(vectors), name=task, **model.identity)
    made._random_weights = dict(model._random_weights)
    return made


def length_of_rows(model, max_length):
    """As `check_length_of` of keras_bert.models; of a model in windows None is their length."""
    if max_length is None and windows_of(model) is not None:
        return windows_of(model).length
    return check_length_of(model, max_length)


def check_reads_rows(model, mend):
    """Raises a `ValueError`, which ends with how to mend it, if a model reads texts in windows."""
    if windows_of(model) is not None:
        raise ValueError(
            f"The model reads long texts in windows, {windows_of(model)}, which can't be said here. {mend}"
        )


def windows_of(model):
    """Finds how a model reads long texts: a model -> its `Windows`, or None if it reads a row at a time.

    Example:
    >>> model = keras_bert.text_regressor(keras_bert.backbone(keras_bert.BertConfig.named("tiny")))
    >>> windows_of(model), windows_of(in_windows(model, length=64)).length
    (None, 64)
    """
    layer = next((layer for layer in model.layers if isinstance(layer, WindowPooling)), None)
    return None if layer is None else Windows(**layer.fields())
