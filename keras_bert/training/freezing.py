"""Layers that training leaves as they are."""

import numbers

from keras_bert.layers import TransformerEncoder
from keras_bert.models import embedding_of
from keras_bert.utils.checks import check_boolean


def freeze(model, layers=0, embeddings=True):
    """Freezes the lower end of a model: `fit` trains what is above it, and is faster, for it goes back no further.

    Frozen weights stay as they are to the bit, weight decay included, and the optimizer keeps no moments of them.
    Frozen layers stay frozen in `.keras` files and clones; `save_pretrained` and the exports write all weights as ever.
    To train a layer again, set its `trainable`. A compiled model must be compiled again. If `keras_bert.lora` comes
    next, the small matrices beside frozen layers don't train either.

    Args:
        model: Any model of this library; it is changed.
        layers: Number of encoder layers to freeze, counted from the embeddings up.
        embeddings: Whether the embeddings of tokens, positions and segments are frozen. If they aren't, training goes
            back through all layers, frozen or not, to reach them. A masked-word head shares the tokens' table, and
            keeps training its own layers.

    Returns:
        The model.

    Raises:
        ValueError: If `model` isn't one of this library's, or has fewer layers.

    Reference: Lee, Tang and Lin, 2019, What Would Elsa Do? (https://arxiv.org/abs/1911.03090).

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=2)
    >>> model = freeze(model, layers=1)
    >>> [layer.name for layer in model.layers if layer.weights and layer.trainable]
    ['encoder_1', 'pooler', 'classifier']
    """
    embedding = embedding_of(model)
    encoders = [layer for layer in model.layers if isinstance(layer, TransformerEncoder)]
    if isinstance(layers, bool) or not isinstance(layers, numbers.Integral) or not 0 <= layers <= len(encoders):
        raise ValueError(
            f"`layers` must be an integer between 0 and {len(encoders)}, the number of the model's encoder layers. "
            f"Received: layers={layers!r}."
        )
    frozen = [embedding] if check_boolean("embeddings", embeddings) else []
    for layer in frozen + encoders[:layers]:
        layer.trainable = False
    model.compiled = False  # What Keras has compiled goes on training all of it.
    return model
