"""Weights to start from that learn faster from little text than random ones."""

import keras
import numpy as np

from keras_bert.models import config_of, embedding_of

# Factor of queries and keys: so sharp that a token gives nearly all of its attention to one neighbour.
_SHARPNESS = 1.4


def neighbour_attention(model, seed=0):
    """Starts the first layer's attention at each token's neighbours.

    What a masked word is, its neighbours tell above all. Attention that begins at random is spread over the whole text:
    until it has found the neighbours, after millions of tokens, a model learns little but how frequent words are. Begun
    so, it learns from the first step on which words stand side by side. The model and its training are the same.

    As many dimensions as a head has, D / H, are set aside for positions, in which tokens and segments begin at 0: sines
    and cosines of frequencies spread over 0 to pi, of which another place is a rotation. Heads look to the left and the
    right by turns: the first four at distance 1, the next four at distance 2, and so on. Each copies as many of its
    neighbour's dimensions as it has, turned at random, into the token's own vector.

    Args:
        model: Any model of this library, with at least two heads that are at least two wide, and random weights. Its
            position table [positions, D] and the attention of its first layer are set; D / H columns of the token and
            segment tables become 0.
        seed: Integer of the frequencies and turns.

    Raises:
        ValueError: If the model has one head, or heads that are one wide.

    Reference: Vaswani et al., 2017, section 3.5 (https://arxiv.org/abs/1706.03762), for what sines and cosines can do;
    the rest is measured in docs/pretraining.md.

    Example:
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny"))
    >>> neighbour_attention(model)
    >>> query, key, _ = np.split(model.get_layer("encoder_0").query_key_value.kernel.numpy(), 3, axis=1)
    >>> positions = model.get_layer("embedding").position_embedding.embeddings.numpy()
    >>> scores = (positions @ query[:, :64]) @ (positions @ key[:, :64]).T  # of the first of two heads
    >>> int(scores[5].argmax())
    4
    """
    config, embedding, encoder = config_of(model), embedding_of(model), model.get_layer("encoder_0")
    width, size = config.hidden_dim, config.hidden_dim // config.num_heads
    if config.num_heads < 2 or size < 2:
        raise ValueError(
            "`model` must have at least two heads, which are at least two wide, to look to the left and to the right. "
            f"Received: num_heads={config.num_heads} of hidden_dim={width}."
        )
    generator = np.random.default_rng(seed)
    # One in each of equal parts, but not evenly, or places far apart would look alike.
    frequencies = np.pi * (np.arange(size // 2) + generator.uniform(size=size // 2)) / (size // 2)
    used = 2 * len(frequencies)
    angles = np.arange(config.max_sequence_length)[:, None] * frequencies
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    waves = np.pad(2**0.5 * config.initializer_range * waves, [(0, 0), (0, width - used)])
    embedding.position_embedding.embeddings.assign(waves)
    for table in (embedding.token_embedding.embeddings, embedding.segment_embedding.embeddings):
        apart = np.array(keras.ops.convert_to_numpy(table))
        apart[:, :size] = 0
        table.assign(apart)

    queries, keys, values = np.zeros((3, width, config.num_heads, size))
    outputs = np.zeros((config.num_heads, size, width))
    turns = {}  # distance -> two random orthogonal matrices
    for head in range(config.num_heads):
        distance = (head // 4 + 1) * (-1, 1)[head % 2]
        if distance not in turns:
            turns[distance] = [np.linalg.qr(generator.normal(size=(width - size,) * 2))[0] for _ in range(2)]
        copied, to = turns[distance]
        part = slice(head // 2 % 2 * size, (head // 2 % 2 + 1) * size)  # the second head of a distance copies others
        cosine, sine = np.diag(np.cos(distance * frequencies)), np.diag(np.sin(distance * frequencies))
        queries[:used, head, :used] = _SHARPNESS * np.block([[cosine, -sine], [sine, cosine]])
        keys[:used, head, :used] = _SHARPNESS * np.eye(used)
        values[size:, head] = copied[:, part]
        outputs[head, :, size:] = to[:, part].T
    kernel = np.concatenate([part.reshape(width, width) for part in (queries, keys, values)], axis=1)
    encoder.query_key_value.kernel.assign(kernel)
    encoder.attention_output.kernel.assign(outputs.reshape(width, width))


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
