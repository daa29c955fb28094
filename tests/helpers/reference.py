"""The judge of all values: docs/inside-bert/bert_in_numpy.py, in float64 and written another way than the library."""

import keras
import numpy as np

from bert_in_numpy import attention_weights, dense, encode, masked_words, next_sentence, pool
from builders import HEADS


def weights_of(model):
    """model -> {path: float64 array}."""
    return {v.path: keras.ops.convert_to_numpy(v).astype("float64") for v in model.variables}


def layer_by_layer(weights, inputs):
    """weights, dict of int [B, T] -> how much each token takes of each other in each layer [L, B, H, T, T]; the vectors
    before the first layer and after each [L + 1, B, T, D]."""
    numbers = {path: int(path.split("/")[0][8:]) for path in weights if path.startswith("encoder_")}
    states, shares = [], []
    for i in range(max(numbers.values()) + 2):
        first = {path: value for path, value in weights.items() if numbers.get(path, -1) < i}
        states.append(encode(first, inputs, HEADS))
    for i, x in enumerate(states[:-1]):
        query, key, _ = np.split(dense(weights, f"encoder_{i}/query_key_value", x), 3, axis=-1)
        query, key = (part.reshape(*x.shape[:2], HEADS, -1) for part in (query, key))
        shares.append(attention_weights(query, key, inputs["padding_mask"]))
    return np.stack(shares), np.stack(states)


def at(x, positions):
    """[B, T, D], int [B, M] -> the vectors at those positions, picked one by one, [B, M, D]."""
    return np.array([[x[b, p] for p in row] for b, row in enumerate(positions)])


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
        "mlm": masked_words(w, at(x, inputs["mask_positions"])),
        "nsp": next_sentence(w, at(x, inputs["cls_positions"])),
    },
    "masked_language_model": lambda w, x, inputs: {"mlm": masked_words(w, at(x, inputs["mask_positions"]))},
    "text_classifier": lambda w, x, inputs: {"output": dense(w, "classifier/dense", pool(w, x[:, 0]))},
    "multi_label_classifier": lambda w, x, inputs: {"output": dense(w, "classifier/dense", pool(w, x[:, 0]))},
    "text_regressor": lambda w, x, inputs: {"output": dense(w, "regressor/dense", pool(w, x[:, 0]))},
    "text_embedder": embedded,
    "token_classifier": lambda w, x, inputs: {"output": dense(w, "classifier/dense", x)},
    "span_predictor": spans,
}


def outputs_of(name, model, inputs):
    """Name of a builder, its model, inputs -> {name of an output: float64 array}."""
    weights = weights_of(model)
    return OUTPUTS[name](weights, encode(weights, inputs, HEADS), inputs)
