"""The activations by name: `"gelu"` is exact, `"gelu_tanh"` its approximation."""

import keras
from keras import ops


def gelu(x):
    """The exact GELU (Hendrycks and Gimpel, 2016), by the error function: x [...] -> [...].

    Every exporter knows these operations, and TensorFlow computes them together with the product of matrices before.

    >>> round(float(gelu(keras.ops.convert_to_tensor(1.0))), 4)
    0.8413
    """
    return 0.5 * x * (1.0 + ops.erf(x * 0.5**0.5))


@keras.saving.register_keras_serializable("keras_bert")
def gelu_tanh(x):
    """The tanh approximation of the GELU (Hendrycks and Gimpel, 2016): x [...] -> [...].

    >>> round(float(gelu_tanh(keras.ops.convert_to_tensor(1.0))), 4)
    0.8412
    """
    return ops.gelu(x, approximate=True)


def activation_named(name):
    """Finds an activation.

    Args:
        name: `"gelu"` (exact, by the error function), `"gelu_tanh"` or the name of another Keras activation.

    Returns:
        A function of tensors.

    Raises:
        ValueError: If there is no such activation.

    Example:
    >>> round(float(activation_named("gelu")(keras.ops.convert_to_tensor(1.0))), 4)
    0.8413
    """
    if name in ("gelu", "gelu_tanh"):
        return {"gelu": gelu, "gelu_tanh": gelu_tanh}[name]
    function = getattr(keras.activations, name, None) if isinstance(name, str) else None
    if not callable(function) or name in ("get", "serialize", "deserialize"):
        raise ValueError(
            '`activation` must be "gelu", "gelu_tanh" or the name of another Keras activation, such as "relu". '
            f"Received: activation={name!r}."
        )
    return function
