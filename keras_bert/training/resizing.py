"""Models with more rows, or fewer, in their token embedding."""

import dataclasses

import keras
import numpy as np

from keras_bert.models import check_built
from keras_bert.utils.checks import check_positive_integer


def resize_embeddings(model, vocabulary_size):
    """Makes a model with another number of tokens: after tokens were added to its tokenizer, say.

    New rows of the token embedding are the mean of the old ones, which says least about them, and so is the bias of new
    tokens in the masked-word head. All other weights are those of the model, in copies. With fewer tokens, the last
    rows are left out.

    Args:
        model: A model of any builder of this library; it stays as it is.
        vocabulary_size: Number of tokens, such as `tokenizer.vocabulary_size`.

    Returns:
        A model of the same task, labels and names of layers, not compiled.

    Raises:
        ValueError: If `model` isn't of this library, or `vocabulary_size` isn't a positive integer.

    Reference: Hewitt 2021, Initializing New Word Embeddings for Pretrained Language Models.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ann", "lee"])
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> _ = tokenizer.add_tokens(["[E1]", "[/E1]"], special_tokens=True)
    >>> model = resize_embeddings(model, tokenizer.vocabulary_size)
    >>> tuple(model.get_layer("embedding").token_embedding.embeddings.shape)
    (9, 128)
    """
    check_built(model)
    vocabulary_size = check_positive_integer("vocabulary_size", vocabulary_size)
    config = model.get_config()
    for layer in config["layers"]:
        if "vocabulary_size" in layer["config"]:
            layer["config"] = {**layer["config"], "vocabulary_size": vocabulary_size}
            layer.pop("build_config")  # has the shape of the old table
    config["config"] = {**dataclasses.asdict(model.config), "vocabulary_size": vocabulary_size}
    resized = type(model).from_config(config)
    for old, new in zip(model.weights, resized.weights, strict=True):
        values = keras.ops.convert_to_numpy(old)
        new.assign(values if old.shape == new.shape else _with_rows(values, vocabulary_size))
        new.trainable = old.trainable
    return resized


def _with_rows(values, count):
    """array [V, ...], a number -> array [count, ...]: its first rows, filled up with the mean of all."""
    missing = max(count - len(values), 0)
    mean = np.mean(values, axis=0, dtype="float32", keepdims=True).astype(values.dtype)
    return np.concatenate([values[:count], np.repeat(mean, missing, axis=0)])
