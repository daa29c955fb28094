"""The initializer and the activations that every layer of BERT uses."""

import keras


def truncated_normal(initializer_range):
    """Standard deviation -> the truncated normal initializer of every kernel and embedding."""
    if not initializer_range > 0:
        raise ValueError(
            f"`initializer_range` must be greater than 0. Received: initializer_range={initializer_range!r}."
        )
    return keras.initializers.TruncatedNormal(stddev=initializer_range)
