"""The initializer of every kernel and embedding."""

import keras


def truncated_normal(initializer_range):
    """Standard deviation -> the truncated normal initializer."""
    return keras.initializers.TruncatedNormal(stddev=initializer_range)
