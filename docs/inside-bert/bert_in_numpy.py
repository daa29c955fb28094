"""BERT in one file of NumPy, to be read from top to bottom: weights and token ids in, vectors and answers out.

    python docs/inside-bert/bert_in_numpy.py DIRECTORY

where DIRECTORY holds model.safetensors and config.json of a BERT in Hugging Face's layout, such as all-MiniLM-L6-v2.

Legend of the shapes: B rows of a batch, T tokens of a row, D width of a vector, H heads, V vocabulary, M masked words.
`weights` is a dict: the path of a weight in keras_bert's models, such as "encoder_0/query_key_value/kernel" -> array.
Nothing here trains, so there is no dropout.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

# ---- Three small functions of which all else is made


def dense(weights, name, x):
    """A linear layer: [..., I] -> [..., O]."""
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def layer_norm(weights, name, x):
    """Gives each vector mean 0 and variance 1, then a learned scale and shift: [..., D] -> [..., D]."""
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return centred / deviation * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def gelu(x):
    """x times the chance that a standard normal number is below x: a ReLU with a round corner."""
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


# ---- The input: three embeddings, added


def positions_in(mask):
    """Numbers the tokens of each sequence of a row from 0: padding mask [B, T] -> positions [B, T]."""
    positions = np.zeros_like(mask)
    for b, row in enumerate(mask):
        seen = {}
        for t, k in enumerate(row):
            positions[b, t] = seen.get(k, 0) if k else 0
            seen[k] = positions[b, t] + 1
    return positions


def embed(weights, inputs):
    """What a token is, where it stands and in which sentence: ids [B, T] -> vectors [B, T, D]."""
    tokens = weights["embedding/token_embedding/embeddings"][inputs["token_ids"]]
    positions = weights["embedding/position_embedding/embeddings"][positions_in(inputs["padding_mask"])]
    segments = weights["embedding/segment_embedding/embeddings"][inputs["segment_ids"]]
    return layer_norm(weights, "embedding/layer_norm", tokens + positions + segments)


# ---- The encoder: tokens look at one another, then each thinks for itself


def attention_weights(query, key, mask):
    """How much each token looks at each other one: query and key [B, T, H, D / H], mask [B, T] -> [B, H, T, T]."""
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(query.shape[-1])
    visible = mask[:, None, :, None] == mask[:, None, None, :]  # of the same sequence
    scores = np.where(visible, scores, -np.inf)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)  # softmax: each row sums to 1


def attention(weights, name, x, mask, num_heads):
    """What each token gathers from those that it looks at: vectors [B, T, D] -> [B, T, D]."""
    heads = (*x.shape[:2], num_heads, -1)
    parts = np.split(dense(weights, f"{name}/query_key_value", x), 3, axis=-1)
    query, key, value = (part.reshape(heads) for part in parts)
    gathered = np.einsum("bhqk,bkhd->bqhd", attention_weights(query, key, mask), value)
    return dense(weights, f"{name}/attention_output", gathered.reshape(x.shape))


def feed_forward(weights, name, x):
    """The same two layers at every token, the inner one four times as wide: [B, T, D] -> [B, T, D]."""
    return dense(weights, f"{name}/feedforward_output", gelu(dense(weights, f"{name}/feedforward_intermediate", x)))


def encode(weights, inputs, num_heads):
    """All layers: a dict of token_ids, segment_ids and padding_mask [B, T] -> a vector for each token [B, T, D]."""
    x, mask = embed(weights, inputs), inputs["padding_mask"]
    num_layers = len({path.split("/")[0] for path in weights if path.startswith("encoder_")})
    for name in (f"encoder_{i}" for i in range(num_layers)):
        x = layer_norm(weights, f"{name}/attention_layer_norm", x + attention(weights, name, x, mask, num_heads))
        x = layer_norm(weights, f"{name}/feedforward_layer_norm", x + feed_forward(weights, name, x))
    return x


# ---- What stands on top of it


def pool(weights, first):
    """The summary of a row: the vectors of its first tokens, [CLS], [..., D] -> [..., D]."""
    return np.tanh(dense(weights, "pooler/dense", first))


def masked_words(weights, vectors):
    """Which word stood there? Vectors of masked tokens [B, M, D] -> logits [B, M, V], by the table of the input."""
    x = layer_norm(weights, "mlm/layer_norm", gelu(dense(weights, "mlm/dense", vectors)))
    return x @ weights["embedding/token_embedding/embeddings"].T + weights["mlm/bias"]


def next_sentence(weights, first):
    """Does B follow A? Vectors of [CLS] [..., D] -> logits [..., 2]: it does, it is from elsewhere."""
    return dense(weights, "nsp/dense", pool(weights, first))


def sentence_vector(x, mask):
    """One vector of length 1 for a row: the mean over its tokens, padding left out. [B, T, D] -> [B, D]."""
    real = (mask == 1)[..., None]
    means = (x * real).sum(axis=1) / real.sum(axis=1)
    return means / np.linalg.norm(means, axis=-1, keepdims=True)


# ---- A checkpoint's weights, whose names are Hugging Face's


def read_weights(directory):
    """Directory with model.safetensors -> weights. There a kernel is [O, I], and query, key and value stand apart."""
    tensors = load_file(Path(directory) / "model.safetensors")
    theirs = {name.removeprefix("bert."): tensor.astype("float64") for name, tensor in tensors.items()}
    weights = {}

    def take_dense(name, *sources):
        weights[f"{name}/kernel"] = np.concatenate([theirs[f"{source}.weight"].T for source in sources], axis=1)
        weights[f"{name}/bias"] = np.concatenate([theirs[f"{source}.bias"] for source in sources])

    def take_norm(name, source):
        weights[f"{name}/gamma"], weights[f"{name}/beta"] = theirs[f"{source}.weight"], theirs[f"{source}.bias"]

    for name, source in (("token", "word"), ("position", "position"), ("segment", "token_type")):
        weights[f"embedding/{name}_embedding/embeddings"] = theirs[f"embeddings.{source}_embeddings.weight"]
    take_norm("embedding/layer_norm", "embeddings.LayerNorm")
    i = 0
    while f"encoder.layer.{i}.output.dense.weight" in theirs:
        name, source = f"encoder_{i}", f"encoder.layer.{i}"
        take_dense(
            f"{name}/query_key_value", *(f"{source}.attention.self.{part}" for part in ("query", "key", "value"))
        )
        take_dense(f"{name}/attention_output", f"{source}.attention.output.dense")
        take_norm(f"{name}/attention_layer_norm", f"{source}.attention.output.LayerNorm")
        take_dense(f"{name}/feedforward_intermediate", f"{source}.intermediate.dense")
        take_dense(f"{name}/feedforward_output", f"{source}.output.dense")
        take_norm(f"{name}/feedforward_layer_norm", f"{source}.output.LayerNorm")
        i += 1
    take_dense("pooler/dense", "pooler.dense")
    return weights


if __name__ == "__main__":
    config = json.loads((Path(sys.argv[1]) / "config.json").read_text())
    token_ids = np.array([[101, 2182, 2003, 1996, 6251, 1045, 2215, 7861, 8270, 4667, 2015, 2005, 1012, 102]])
    inputs = {"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": 0 * token_ids + 1}
    vectors = encode(read_weights(sys.argv[1]), inputs, config["num_attention_heads"])
    print("Here is the sentence I want embeddings for.", vectors.shape)
    print(sentence_vector(vectors, inputs["padding_mask"])[0, :5].round(4))
