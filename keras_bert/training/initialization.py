"""Weights to start from that learn faster from little text than random ones."""

import keras
import numpy as np

from keras_bert.models import check_built, embedding_of

# Factor of queries and of keys, for heads 64 wide: a head gives nearly all of its attention to one neighbour.
_SHARPNESS = 1.4
# Narrower heads can't tell places apart: they have too few frequencies.
_NARROWEST_HEAD = 8


def neighbour_attention(model, seed=0):
    """Starts the first layer's attention at each token's neighbours.

    A masked word is predicted best from its neighbours. Attention with random weights is spread over the whole text and
    finds them only after millions of tokens; until then a model learns little more than word frequencies. Only the
    weights that it starts from change; the model and its training don't. Call this right after the builder.

    The first D / H dimensions are reserved for positions; token and segment embeddings are 0 there. Positions are sines
    and cosines of frequencies between 0 and pi, so that moving by a distance is a rotation. Even heads attend to the
    left and odd heads to the right: heads 0 to 3 at distance 1, heads 4 to 7 at distance 2, and so on. Each head copies
    D / H dimensions of its neighbour's vector, rotated at random. Where a text has no neighbour, at its ends, attention
    goes anywhere.

    Args:
        model: A new model of this library, with two heads or more of an even width of at least 8. Its position table
            [positions, D] and the attention of its first layer are set, and the first D / H columns of its token and
            segment tables become 0.
        seed: Integer of the frequencies and the rotations.

    Raises:
        ValueError: If the model has other heads, or its first layer has been trained.

    Reference: Vaswani et al., 2017, section 3.5 (https://arxiv.org/abs/1706.03762), for what sines and cosines can do;
    what it gives is measured in docs/measurements/pretraining.md.

    Example:
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny"))
    >>> neighbour_attention(model)
    >>> query, key, _ = np.split(model.get_layer("encoder_0").query_key_value.kernel.numpy(), 3, axis=1)
    >>> positions = model.get_layer("embedding").position_embedding.embeddings.numpy()
    >>> scores = (positions @ query[:, :64]) @ (positions @ key[:, :64]).T  # of the first of two heads
    >>> int(scores[5].argmax())
    4
    """
    check_built(model)
    config, embedding, encoder = model.config, embedding_of(model), model.get_layer("encoder_0")
    hidden_dim, num_heads, head_dim = config.hidden_dim, config.num_heads, config.hidden_dim // config.num_heads
    if num_heads < 2 or head_dim < _NARROWEST_HEAD or head_dim % 2:
        raise ValueError(
            f"`model` must have at least two heads, of an even width of at least {_NARROWEST_HEAD}. Received: "
            f"num_heads={num_heads} of width {head_dim}. Choose another `num_heads` for hidden_dim={hidden_dim}, or "
            "start from random weights."
        )
    if np.any(keras.ops.convert_to_numpy(encoder.query_key_value.bias)):
        raise ValueError(
            "`model` must be new. Received: a model whose first layer has been trained, which this would undo. Call it "
            "right after `backbone` or another builder."
        )
    generator = np.random.default_rng(seed)
    # One in each of equal parts, but not evenly, or places far apart would look alike.
    frequencies = np.pi * (np.arange(head_dim // 2) + generator.uniform(size=head_dim // 2)) / (head_dim // 2)
    angles = np.arange(config.max_sequence_length)[:, None] * frequencies
    positions = np.zeros((config.max_sequence_length, hidden_dim))  # [P, D]
    positions[:, :head_dim] = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    embedding.position_embedding.embeddings.assign(_rounded(2**0.5 * config.initializer_range * positions))
    for table in (embedding.token_embedding.embeddings, embedding.segment_embedding.embeddings):
        without_positions = np.array(keras.ops.convert_to_numpy(table))
        without_positions[:, :head_dim] = 0
        table.assign(without_positions)

    queries, keys, values = np.zeros((3, hidden_dim, num_heads, head_dim))  # each [D, H, D / H]
    outputs = np.zeros((num_heads, head_dim, hidden_dim))  # [H, D / H, D]
    sharpness = _SHARPNESS * (64 / head_dim) ** 0.5
    rotations = {}  # distance -> two random orthogonal matrices
    for head in range(num_heads):
        distance = (head // 4 + 1) * (-1, 1)[head % 2]
        if distance not in rotations:
            rotations[distance] = [
                np.linalg.qr(generator.normal(size=(hidden_dim - head_dim,) * 2))[0] for _ in range(2)
            ]
        read, write = rotations[distance]
        first = head // 2 % 2 * head_dim  # the second head of a distance copies other dimensions
        cosine, sine = np.diag(np.cos(distance * frequencies)), np.diag(np.sin(distance * frequencies))
        queries[:head_dim, head] = sharpness * np.block([[cosine, -sine], [sine, cosine]])
        keys[:head_dim, head] = sharpness * np.eye(head_dim)
        values[head_dim:, head] = read[:, first : first + head_dim]
        outputs[head, :, head_dim:] = write[:, first : first + head_dim].T
    kernel = np.concatenate([queries, keys, values], axis=1).reshape(hidden_dim, 3 * hidden_dim)
    encoder.query_key_value.kernel.assign(_rounded(kernel))
    encoder.attention_output.kernel.assign(_rounded(outputs.reshape(hidden_dim, hidden_dim)))


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


def _rounded(values):
    """array -> the same to 5 digits: processors differ in the last bits, and workers must start with the same ones."""
    return np.round(values * 2**17) / 2**17
