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


def decode_several_classes(logits, labels, thresholds):
    """Turns logits of a text classifier with `multi_label` into all labels of each text, and probabilities.

    Args:
        logits: Floats [B, C].
        labels: C strings, in the order of the logits.
        thresholds: C numbers: a text has a label if its probability is at least so much.

    Returns:
        A dict: `labels`, the names of each text's classes in the order of the logits, string [B, L], those of texts
        with fewer than the others filled up with ""; `probabilities`, float32 [B, C], each by itself.

    Example:
    >>> answer = decode_several_classes(np.array([[-9.0, 0.0, 2.0], [-1.0, -9.0, -2.0]]), ["a", "b", "c"], [0.5] * 3)
    >>> answer["labels"].numpy().tolist(), answer["probabilities"].numpy().round(2).tolist()[0][1:]
    ([[b'b', b'c'], [b'', b'']], [0.5, 0.8799999952316284])
    """
    probabilities = tf.sigmoid(tf.cast(logits, tf.float32))
    has = probabilities >= tf.constant(list(thresholds), tf.float32)
    names = tf.broadcast_to(tf.constant(list(labels)), tf.shape(has))
    return {"labels": tf.ragged.boolean_mask(names, has).to_tensor(""), "probabilities": probabilities}


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
