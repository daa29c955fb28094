"""Which share of the learning rate each layer of a model gets: the more, the nearer it is to the answers."""

import numbers
import re

# The layer in a variable's path, wherever that begins; a layer of one's own on top is called `head` or `head_...`.
_LAYER = re.compile(
    r"(?:^|/)(?:(?P<embedding>embedding)|encoder_(?P<encoder>\d+)|(?P<pooler>pooler)"
    r"|(?P<head>mlm|nsp|classifier|regressor|span|projection_\d+|head|head_\w+))/"
)


_ENCODER = re.compile(r"(?:^|/)(encoder_\d+/)")


def _matches_of(paths):
    """Paths of variables -> {path: the match of its layer, or None}.

    A model may stand in another of any name, `head_model/encoder_0/...`: then its layers are what follows that name.
    """
    bodies = {path[: encoder.start(1)] for path in paths if (encoder := _ENCODER.search(path))}
    found = {}
    for path in paths:
        around = min((body for body in bodies if path.startswith(body)), key=len, default="")
        found[path] = _LAYER.search(path[len(around) :])
    return found


def check_layer_decay(layer_decay):
    """A number greater than 0, at most 1, or None -> float or None; else a `ValueError`."""
    if layer_decay is None:
        return None
    is_number = isinstance(layer_decay, numbers.Real) and not isinstance(layer_decay, bool)
    if not is_number or not 0 < layer_decay <= 1:
        raise ValueError(
            "`layer_decay` must be a number greater than 0 and at most 1, or None: what is left of the learning rate "
            f"from one layer to the one below it. Received: layer_decay={layer_decay!r}."
        )
    return float(layer_decay)


def shares_of_rate(paths, layer_decay):
    """Shares out a learning rate among the layers of a model.

    Heads have all of it, the pooler `layer_decay` of that, the last encoder layer `layer_decay` squared, and so on down
    to the embedding; models without a pooler leave its step out, they don't close it.

    Args:
        paths: Paths of the variables to train, such as `"encoder_3/attention_output/kernel"`. The number of encoder
            layers is that of the highest one among them.
        layer_decay: What is left of the rate from one layer to the next below.

    Returns:
        A tuple with a share for each path, 1 at most.

    Raises:
        ValueError: If a path is of no layer of this library's models, or if there is an embedding without any encoder
            layer, whose number can't be known then.

    Reference: `_get_layer_lrs` of ELECTRA (https://github.com/google-research/electra, model/optimization.py), after
    Howard and Ruder, 2018, section 3.2, discriminative fine-tuning (https://arxiv.org/abs/1801.06146).

    Example:
    >>> shares_of_rate(["embedding/layer_norm/beta", "encoder_0/a", "encoder_1/a", "pooler/a", "classifier/a"], 0.5)
    (0.0625, 0.125, 0.25, 0.5, 1.0)
    """
    found = _matches_of(paths)
    if strange := [path for path, place in found.items() if place is None]:
        raise ValueError(
            "`layer_decay` goes by the names of layers in this library's models: embedding, encoder_0 ..., pooler and "
            f"the heads. Received: {', '.join(strange[:3])}. Call layers of your own on top of them head, or "
            "head_..., or leave layer_decay out."
        )
    encoders = [int(place["encoder"]) for place in found.values() if place["encoder"]]
    if not encoders and any(place["embedding"] for place in found.values()):
        raise ValueError(
            "`layer_decay` needs the number of encoder layers, and none is trained, but the embedding is. Train a "
            "layer, freeze the embedding too, or leave layer_decay out."
        )
    num_layers = 1 + max(encoders, default=0)

    def steps_down(place):
        """A match -> how many steps its layer is below the heads."""
        if place["encoder"]:
            return num_layers + 1 - int(place["encoder"])
        return {"head": 0, "pooler": 1, "embedding": num_layers + 2}[place.lastgroup]

    return tuple(layer_decay ** steps_down(found[path]) for path in paths)
