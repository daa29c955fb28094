"""Weights to start from that learn faster from little text than random ones."""

import numpy as np

from keras_bert.models import embedding_of


def sinusoidal_positions(model, standard_deviation=0.01):
    """Starts the learned position embeddings of a model as sines and cosines of many wave lengths.

    From them, unlike from random vectors, attention to a fixed distance is a linear map: words find their neighbours
    after fewer steps. Training goes on as ever, and the model is the same.

    Args:
        model: Any model of this library; its position table [positions, D] is set, half sines and half cosines.
        standard_deviation: Of the table's values; smaller than the tokens' 0.02, so that words stay most of the sum.

    Reference: Vaswani et al., 2017, section 3.5 (https://arxiv.org/abs/1706.03762), there as constants.

    Example:
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny"))
    >>> sinusoidal_positions(model)
    >>> table = model.get_layer("embedding").position_embedding.embeddings.numpy()
    >>> bool(table[3] @ table[4] > table[3] @ table[9])
    True
    """
    table = embedding_of(model).position_embedding.embeddings
    positions, width = table.shape
    angles = np.arange(positions)[:, None] * 10_000.0 ** (-np.arange((width + 1) // 2) / ((width + 1) // 2))
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :width]
    table.assign(2**0.5 * standard_deviation * waves)
