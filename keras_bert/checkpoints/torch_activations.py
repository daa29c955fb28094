"""torch's names of activations, as sentence-transformers writes them: torch.nn.modules.activation.Tanh."""

# Class of torch -> name of the Keras activation that computes the same.
_NAMES = {
    "Identity": "linear",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "ELU": "elu",
    "SELU": "selu",
}


def activation_of_torch(path, where, mend):
    """Finds a Keras activation.

    Args:
        path: Whatever stands in a file for the path of torch's class.
        where: What has it, for the error.
        mend: What to do if there is no such activation, for the error.

    Returns:
        Its name in Keras.

    Raises:
        ValueError: If it is another class.

    Example:
    >>> activation_of_torch("torch.nn.modules.linear.Identity", "2_Dense/config.json", "")
    'linear'
    """
    name = path.rpartition(".")[2] if isinstance(path, str) and path.startswith("torch.nn.") else None
    if name not in _NAMES:
        known = ", ".join(f"torch.nn.{name}" for name in _NAMES)
        raise ValueError(f"{where} has the activation {path!r}; this library knows {known}. {mend}")
    return _NAMES[name]


def name_in_torch(activation):
    """Name of a Keras activation -> the path of torch's class; a `ValueError` if torch has none that we know.

    >>> name_in_torch("tanh")
    'torch.nn.modules.activation.Tanh'
    """
    for name, ours in _NAMES.items():
        if ours == activation:
            return f"torch.nn.modules.{'linear' if name == 'Identity' else 'activation'}.{name}"
    raise ValueError(
        f"sentence-transformers has no name for the activation {activation!r} that this library knows; it can write "
        f'{", ".join(sorted(_NAMES.values()))}. Save the model with model.save("....keras") instead.'
    )
