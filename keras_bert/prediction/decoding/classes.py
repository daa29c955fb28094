"""Logits -> labels and scores, as TensorFlow graph operations."""

import tensorflow as tf

from keras_bert.layers.activations import activation_named


def decode_classes(logits, labels):
    """Turns a text classifier's logits into labels and probabilities.

    Args:
        logits: Floats [B, C].
        labels: C strings, in the order of the logits.

    Returns:
        A dict: `label`, the likeliest class's name, string [B]; `probabilities`, float32 [B, C].

    Example:
    >>> answer = decode_classes(np.array([[0.0, 2.0]]), ["negative", "positive"])
    >>> answer["label"].numpy(), answer["probabilities"].numpy().round(2)
    (array([b'positive'], dtype=object), array([[0.12, 0.88]], dtype=float32))
    """
    logits = tf.cast(logits, tf.float32)
    return {
        "label": tf.gather(tf.constant(list(labels)), tf.argmax(logits, axis=-1)),
        "probabilities": tf.nn.softmax(logits, axis=-1),
    }


def decode_scores(logits, score_range=None, activation=None):
    """Turns a text regressor's output into scores.

    Args:
        logits: Floats [B, 1].
        score_range: The lowest and the highest score, or None: what is beyond becomes the one or the other.
        activation: Name of the activation that makes a score of the output, as `model.score_activation`; None: the
            output is the score.

    Returns:
        A dict: `score`, float32 [B].

    Example:
    >>> decode_scores(np.array([[2.5], [5.1]]), score_range=(0, 5))["score"].numpy()
    array([2.5, 5. ], dtype=float32)
    >>> decode_scores(np.array([[0.0]]), activation="sigmoid")["score"].numpy()
    array([0.5], dtype=float32)
    """
    scores = activation_named(activation or "linear")(tf.cast(logits, tf.float32)[:, 0])
    return {"score": scores if score_range is None else tf.clip_by_value(scores, *map(float, score_range))}
