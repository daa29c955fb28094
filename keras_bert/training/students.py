"""Models of fewer layers, which begin as copies of layers of a trained one."""

import dataclasses

import keras

from keras_bert.checkpoints.weights import variables_of
from keras_bert.layers.adapting import merge_lora
from keras_bert.models import check_built
from keras_bert.utils.checks import check_positive_integer


def evenly_spaced(num_layers, total):
    """Chooses layers at equal distances, up to the last, whose output the head was trained on.

    Args:
        num_layers: How many to choose.
        total: How many there are.

    Returns:
        A tuple of numbers, counted from 0.

    Raises:
        ValueError: If `num_layers` isn't a positive integer, or is more than there are.

    Example:
    >>> evenly_spaced(3, total=6), evenly_spaced(2, total=12)
    ((1, 3, 5), (5, 11))
    """
    if check_positive_integer("num_layers", num_layers) > total:
        raise ValueError(
            f"`num_layers` must be at most the teacher's, {total}. Received: num_layers={num_layers}. Choose fewer."
        )
    return tuple((i + 1) * total // num_layers - 1 for i in range(num_layers))


def student(teacher, num_layers=None, layers=None):
    """Makes a smaller model of a trained one: fewer layers, copied from it, and all else copied too.

    Args:
        teacher: A model of any builder of this library; it stays as it is.
        num_layers: Number of the student's layers; None: half of the teacher's.
        layers: Which of the teacher's layers it gets, counted from 0, in rising order: a sequence of integers. None:
            evenly spaced ones up to the last, such as 1, 3 and 5 of six.

    Returns:
        A model of the same task, labels, settings and names of layers, not compiled, all of it to be trained. Its
        `config` has its own number of layers. Adapters of `keras_bert.lora` are merged into its kernels.

    Raises:
        ValueError: If `teacher` isn't of this library or was quantized, or hasn't got such layers.

    Reference: Sanh et al., 2019 (https://arxiv.org/abs/1910.01108), section 3.

    Example:
    >>> teacher = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("mini")), 2, ["no", "yes"])
    >>> small = student(teacher, num_layers=2)
    >>> small.config.num_layers, small.task, small.labels
    (2, 'text_classifier', ('no', 'yes'))
    """
    check_built(teacher)
    teacher = merge_lora(teacher)
    total = teacher.config.num_layers
    if layers is None:
        layers = evenly_spaced(max(total // 2, 1) if num_layers is None else num_layers, total)
    layers = check_layers(layers, num_layers, total)
    # The teacher's first layers, and the last, which some heads call in a way of its own; all of them are alike.
    kept = [*range(len(layers) - 1), total - 1]
    new_names = {f"encoder_{old}": f"encoder_{new}" for new, old in enumerate(kept)}
    left_out = [layer for layer in teacher.layers if layer.name.startswith("encoder_") and layer.name not in new_names]

    def renamed(layer):
        """a layer of the teacher -> a new one like it, by the name that it has in the student."""
        if layer in left_out:
            return layer
        return type(layer).from_config({**layer.get_config(), "name": new_names.get(layer.name, layer.name)})

    def called(layer, *args, **kwargs):
        """a layer and its arguments -> what it gives; of one that is left out, what it was given."""
        return args[0] if layer in left_out else layer(*args, **kwargs)

    graph = keras.models.clone_model(teacher, clone_function=renamed, call_function=called)
    identity = {**teacher.identity, "config": dataclasses.replace(teacher.config, num_layers=len(layers))}
    small = type(teacher)(graph.input, graph.output, name=teacher.name, **identity)
    for layer in small.layers:  # TensorFlow lets `small.trainable = True` pass unheard
        layer.trainable = True  # whatever of the teacher was frozen
    weights = variables_of(teacher)
    for name, variable in variables_of(small).items():
        layer, _, rest = name.partition("/")
        if layer.startswith("encoder_"):
            layer = f"encoder_{layers[int(layer.removeprefix('encoder_'))]}"
        variable.assign(weights[f"{layer}/{rest}"])
    return small


def check_layers(layers, num_layers, total):
    """layers and their number as `student` takes them, the teacher's number -> the layers: a tuple of integers."""
    try:
        chosen = tuple(int(layer) for layer in layers if layer == int(layer))
        fits = len(chosen) == len(layers) and list(chosen) == sorted({*chosen}) and {*chosen} <= {*range(total)}
    except (TypeError, ValueError):
        fits = False
    if not fits or not chosen:
        raise ValueError(
            f"`layers` must be different numbers of the teacher's layers in rising order, 0 to {total - 1}. Received: "
            f"layers={layers!r}."
        )
    if num_layers is not None and num_layers != len(chosen):
        raise ValueError(
            f"`layers` must be as many as `num_layers`. Received: layers={layers!r}, num_layers={num_layers}. Give one "
            "of them."
        )
    return chosen
