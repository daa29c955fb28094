"""Values of a function of vectors, and their gradients, on each backend that Keras has."""

import keras


def values_and_gradients(function, vectors):
    """Computes a function, and how it changes with its argument.

    Args:
        function: Floats [S, ...] -> a value for each row, float32 [S], that depends on that row alone.
        vectors: float32 array [S, ...].

    Returns:
        The values [S] and their gradients [S, ...], float32 arrays.

    Raises:
        ValueError: If the backend can't differentiate.

    Example:
    >>> values, gradients = values_and_gradients(lambda x: x[:, 0] * x[:, 1], np.array([[2.0, 3.0]], "float32"))
    >>> values.tolist(), gradients.tolist()
    ([6.0], [[3.0, 2.0]])
    """
    backend = keras.backend.backend()
    if backend not in _BY_BACKEND:
        raise ValueError(
            f"Attributions need gradients: those of {', '.join(_BY_BACKEND)}. Received: KERAS_BACKEND={backend}. Save "
            "the model by save_pretrained, and load it under one of these."
        )
    values, gradients = _BY_BACKEND[backend](function, keras.ops.convert_to_tensor(vectors))
    return keras.ops.convert_to_numpy(values), keras.ops.convert_to_numpy(gradients)


def _of_tensorflow(function, vectors):
    """function, tensor [S, ...] -> values [S], gradients [S, ...]."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(vectors)
        values = function(vectors)
    return values, tape.gradient(values, vectors)


def _of_jax(function, vectors):
    """function, array [S, ...] -> values [S], gradients [S, ...]."""
    import jax

    def total(vectors):
        """array [S, ...] -> the values' sum, the values."""
        values = function(vectors)
        return values.sum(), values

    gradients, values = jax.grad(total, has_aux=True)(vectors)
    return values, gradients


def _of_torch(function, vectors):
    """function, tensor [S, ...] -> values [S], gradients [S, ...]."""
    import torch

    with torch.enable_grad():
        vectors = vectors.detach().requires_grad_(True)
        values = function(vectors)
        [gradients] = torch.autograd.grad(values.sum(), vectors)
    return values.detach(), gradients


_BY_BACKEND = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}
