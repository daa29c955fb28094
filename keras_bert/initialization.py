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


def unigram_bias(model, counts):
    """Starts the masked-word head's bias at the logarithm of the words' frequencies.

    So the model begins where it would else arrive after some hundred thousand tokens, and its embeddings, tied to the
    output, don't have to learn first which words are rare, which pulls all the rare ones the same way.

    Args:
        model: A model from `pretrainer` or `masked_language_model`; the bias [V] of its head is set.
        counts: How often each token of the vocabulary is to be predicted, [V]; half an occurrence is added to each.

    Raises:
        ValueError: If there isn't a count for each token, or one is negative.

    Example:
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=4)
    >>> model = keras_bert.pretrainer(keras_bert.backbone(config))
    >>> unigram_bias(model, [0, 0, 1, 3])
    >>> np.exp(model.get_layer("mlm").bias.numpy().astype("float64")).round(3).tolist()
    [0.083, 0.083, 0.25, 0.583]
    """
    bias, counts = model.get_layer("mlm").bias, np.asarray(counts, "float64")
    if counts.shape != tuple(bias.shape) or (counts < 0).any():
        raise ValueError(
            f"`counts` must be one number of at least 0 for each of the {bias.shape[0]} tokens. Received: an array of "
            f"shape {counts.shape}, of which the least is {counts.min(initial=0)}."
        )
    bias.assign(np.log((counts + 0.5) / (counts + 0.5).sum()))
