"""Devlin et al. in float64 and plain numpy, written another way than the library: the judge of all values."""

import math

import keras
import numpy as np

from builders import HEADS, HIDDEN


def weights_of(model):
    """model -> {path: float64 array}."""
    return {v.path: keras.ops.convert_to_numpy(v).astype("float64") for v in model.variables}


def dense(weights, name, x):
    """weights, a layer's path, [..., I] -> [..., O]."""
    return np.einsum("...i,io->...o", x, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]


def norm(weights, name, x):
    """weights, a layer's path, [..., D] -> [..., D]."""
    deviation = np.sqrt(((x - x.mean(-1, keepdims=True)) ** 2).mean(-1, keepdims=True) + 1e-12)
    return (x - x.mean(-1, keepdims=True)) / deviation * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def positions_in(mask):
    """Padding mask [B, T] -> the position of each token in its own sequence [B, T]."""
    positions = np.zeros_like(mask)
    for b, row in enumerate(mask):
        seen = {}
        for t, k in enumerate(row):
            positions[b, t] = seen.get(k, 0) if k else 0
            seen[k] = positions[b, t] + 1
    return positions


def attention(weights, name, x, mask):
    """weights, an encoder's name, [B, T, D], padding mask [B, T] -> what each token gathers, [B, T, D]."""
    query, key, value = (
        part.reshape(*mask.shape, HEADS, -1)
        for part in np.split(dense(weights, f"{name}/query_key_value", x), 3, axis=-1)
    )
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(HIDDEN / HEADS)
    scores[np.broadcast_to((mask[:, :, None] != mask[:, None, :])[:, None], scores.shape)] = -np.inf
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return np.einsum("bhqk,bkhd->bqhd", shares, value).reshape(x.shape)


def encode(weights, inputs):
    """weights, dict of int [B, T] -> sequence output [B, T, D]."""
    mask = inputs["padding_mask"]
    x = norm(
        weights,
        "embedding/layer_norm",
        weights["embedding/token_embedding/embeddings"][inputs["token_ids"]]
        + weights["embedding/position_embedding/embeddings"][positions_in(mask)]
        + weights["embedding/segment_embedding/embeddings"][inputs["segment_ids"]],
    )
    num_layers = len({path.split("/")[0] for path in weights if path.startswith("encoder_")})
    for name in (f"encoder_{i}" for i in range(num_layers)):
        gathered = attention(weights, name, x, mask)
        x = norm(weights, f"{name}/attention_layer_norm", x + dense(weights, f"{name}/attention_output", gathered))
        inner = gelu(dense(weights, f"{name}/feedforward_intermediate", x))
        x = norm(weights, f"{name}/feedforward_layer_norm", x + dense(weights, f"{name}/feedforward_output", inner))
    return x


def pool(weights, vectors):
    """weights, the vectors of first tokens [..., D] -> [..., D]."""
    return np.tanh(dense(weights, "pooler/dense", vectors))


def at(x, positions):
    """[B, T, D], int [B, M] -> the vectors at those positions, picked one by one, [B, M, D]."""
    return np.array([[x[b, p] for p in row] for b, row in enumerate(positions)])


def masked_words(weights, x, inputs):
    """weights, sequence output, inputs -> logits [B, M, V]."""
    transformed = norm(weights, "mlm/layer_norm", gelu(dense(weights, "mlm/dense", at(x, inputs["mask_positions"]))))
    return transformed @ weights["embedding/token_embedding/embeddings"].T + weights["mlm/bias"]


def spans(weights, x, inputs):
    logits = dense(weights, "span/dense", x)
    return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}


def embedded(weights, x, inputs):
    """weights, sequence output, inputs -> unit vectors: the mean of each row's first sequence, projected."""
    means = np.array([row[mask == 1].mean(axis=0) for row, mask in zip(x, inputs["padding_mask"], strict=True)])
    vectors = np.tanh(dense(weights, "projection_0", means))
    return {"output": vectors / np.linalg.norm(vectors, axis=1, keepdims=True)}


# Name of a builder -> function of weights, sequence output and inputs that gives its outputs.
OUTPUTS = {
    "backbone": lambda w, x, inputs: {"sequence_output": x, "pooled_output": pool(w, x[:, 0])},
    "pretrainer": lambda w, x, inputs: {
        "mlm": masked_words(w, x, inputs),
        "nsp": dense(w, "nsp/dense", pool(w, at(x, inputs["cls_positions"]))),
    },
    "masked_language_model": lambda w, x, inputs: {"mlm": masked_words(w, x, inputs)},
    "text_classifier": lambda w, x, inputs: {"output": dense(w, "classifier/dense", pool(w, x[:, 0]))},
    "text_regressor": lambda w, x, inputs: {"output": dense(w, "regressor/dense", pool(w, x[:, 0]))},
    "text_embedder": embedded,
    "token_classifier": lambda w, x, inputs: {"output": dense(w, "classifier/dense", x)},
    "span_predictor": spans,
}


def outputs_of(name, model, inputs):
    """Name of a builder, its model, inputs -> {name of an output: float64 array}."""
    weights = weights_of(model)
    return OUTPUTS[name](weights, encode(weights, inputs), inputs)
