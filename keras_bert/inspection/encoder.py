"""The encoder's work, layer by layer: hidden states, and how much of each token every token takes.

Legend of the shapes: B rows, T tokens, D hidden, H heads, L encoder layers.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_bert.inspection.reading import Reading, read
from keras_bert.layers import TransformerEncoder
from keras_bert.long_texts import check_reads_rows
from keras_bert.models import embedding_of

_INPUTS = ("token_ids", "segment_ids", "padding_mask")


@dataclasses.dataclass(frozen=True, eq=False)
class Attention(Reading):
    """How much of each token of a text every token takes.

    Attributes:
        weights: float32 [L, H, T, T]: in each layer and head, of each token (the third axis) the weights of all
            tokens, with sum 1.
    """

    weights: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class HiddenStates(Reading):
    """The vectors of a text's tokens, before the first layer and after each.

    Attributes:
        states: float32 [L + 1, T, D].
    """

    states: np.ndarray


def attention(model, tokenizer, text, second_text=None):
    """Gives the attention weights of all layers and heads for a text, as the model reads it.

    They are computed by the layers' own code, with whatever precision, adapters or quantization the model has.

    Args:
        model: Any model of `keras_bert.models`, or from `load_pretrained`.
        tokenizer: Its `WordPieceTokenizer`.
        text: A string. What is longer than the model's rows loses its end.
        second_text: The other text of a pair, or None.

    Returns:
        An `Attention`: `tokens`, T strings with [CLS] and [SEP], and `weights`, float32 [L, H, T, T]; as transformers'
        `output_attentions=True` gives them.

    Raises:
        ValueError: If the model isn't one of this library or reads in windows, the tokenizer has another vocabulary
            size, or a text isn't a string.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> result = attention(model, tokenizer, "River bank")
    >>> result.tokens, result.weights.shape
    (['[CLS]', 'river', 'bank', '[SEP]'], (2, 2, 4, 4))
    """
    fields, inputs = read(model, tokenizer, text, second_text)
    return Attention(**fields, weights=attention_of_inputs(model, inputs)[0])


def hidden_states(model, tokenizer, text, second_text=None):
    """Gives the vectors of a text's tokens, before the first layer and after each.

    Args:
        model: As in `attention`, like the others.
        tokenizer: Its `WordPieceTokenizer`.
        text: A string.
        second_text: The other text of a pair, or None.

    Returns:
        A `HiddenStates`: `tokens`, T strings with [CLS] and [SEP], and `states`, float32 [L + 1, T, D]; as
        transformers' `output_hidden_states=True` gives them.

    Raises:
        ValueError: As in `attention`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> hidden_states(model, tokenizer, "River bank").states.shape
    (3, 4, 128)
    """
    fields, inputs = read(model, tokenizer, text, second_text)
    return HiddenStates(**fields, states=hidden_states_of_inputs(model, inputs)[0])


def attention_of_inputs(model, inputs):
    """As `attention`, for rows of token ids; on every backend, without TensorFlow too.

    Args:
        model: As in `attention`.
        inputs: A dict of integers [B, T]: `token_ids`, `segment_ids` and `padding_mask` (0 for padding, k >= 1 for the
            k-th sequence of the row). Others that a model of masked words takes don't matter.

    Returns:
        float32 [B, L, H, T, T]. A token's weights have sum 1 over its own sequence and are 0 outside of it; those of
        padding are 0.

    Raises:
        ValueError: If the model isn't one of this library or reads in windows, or an input is missing or holds what the
            model has no vector for.

    Example:
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> mask = np.array([[1, 1, 1, 2, 2, 0]])
    >>> attention_of_inputs(model, {"token_ids": mask, "segment_ids": 0 * mask, "padding_mask": mask}).shape
    (1, 2, 2, 6, 6)
    """
    weights = [_array(layer.attention_weights(vectors, mask)) for layer, vectors, mask in _steps(model, inputs)]
    is_real = np.asarray(inputs["padding_mask"]).reshape(weights[0].shape[0], 1, 1, -1, 1) > 0
    return np.stack(weights, axis=1) * is_real


def hidden_states_of_inputs(model, inputs):
    """As `hidden_states`, for rows of token ids; on every backend, without TensorFlow too.

    Args:
        model: As in `attention`.
        inputs: As in `attention_of_inputs`.

    Returns:
        float32 [B, L + 1, T, D]; what stands at padding means nothing.

    Raises:
        ValueError: As in `attention_of_inputs`.

    Example:
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> ones = np.ones((1, 5), "int32")
    >>> hidden_states_of_inputs(model, {"token_ids": ones, "segment_ids": 0 * ones, "padding_mask": ones}).shape
    (1, 3, 5, 128)
    """
    steps = list(_steps(model, inputs))
    last, vectors, mask = steps[-1]
    states = [*(vectors for _, vectors, _ in steps), last(vectors, padding_mask=mask, training=False)]
    return np.stack([_array(vectors) for vectors in states], axis=1)


def encoder_layers(model):
    """A model of this library -> its encoder layers, the first one first."""
    layers = [layer for layer in model.layers if isinstance(layer, TransformerEncoder)]
    return sorted(layers, key=lambda layer: int(layer.name.rpartition("_")[2]))


def _steps(model, inputs):
    """model, its inputs -> each encoder layer with the vectors [B, T, D] that it gets, and the mask [B, T]."""
    embedding = embedding_of(model)
    check_reads_rows(model, "Give keras_bert.without_windows(model).")
    if not isinstance(inputs, dict) or (missing := [name for name in _INPUTS if name not in inputs]):
        received = f"without {', '.join(missing)}" if isinstance(inputs, dict) else f"a {type(inputs).__name__}"
        raise ValueError(f"`inputs` must be a dict with {', '.join(_INPUTS)}. Received: {received}.")
    token_ids, segment_ids, mask = (ops.convert_to_tensor(inputs[name]) for name in _INPUTS)
    vectors = embedding(token_ids, segment_ids=segment_ids, padding_mask=mask, training=False)
    for layer in encoder_layers(model):
        yield layer, vectors, mask
        vectors = layer(vectors, padding_mask=mask, training=False)


def _array(tensor):
    """tensor -> float32 array."""
    return keras.ops.convert_to_numpy(ops.cast(tensor, "float32"))
