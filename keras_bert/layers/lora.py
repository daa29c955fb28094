"""Low-rank adaptation of an encoder layer: small matrices that train in place of its kernels.

Legend of the shapes: N tokens, I width of what a dense layer takes, O of what it gives, r rank.
"""

import keras
import numpy as np
from keras import ops

from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate

# What can be adapted -> the dense sublayer of an encoder layer that has it, and its place among that one's parts.
TARGETS = {
    "query": ("query_key_value", 0),
    "key": ("query_key_value", 1),
    "value": ("query_key_value", 2),
    "attention_output": ("attention_output", 0),
    "feedforward_intermediate": ("feedforward_intermediate", 0),
    "feedforward_output": ("feedforward_output", 0),
}


def check_targets(targets):
    """Names of what is to be adapted -> tuple of them, in the order of `TARGETS`; else a `ValueError`."""
    are_names = isinstance(targets, (list, tuple)) and all(isinstance(name, str) for name in targets)
    if not are_names or not targets or len({*targets}) < len(targets) or not {*targets} <= TARGETS.keys():
        raise ValueError(
            f"`targets` must be a list of different names among {', '.join(TARGETS)}. Received: targets={targets!r}."
        )
    return tuple(name for name in TARGETS if name in targets)


class LowRankUpdates(keras.layers.Layer):
    """What pairs of small matrices add to the outputs of an encoder layer's dense sublayers.

    To an output [N, O] of x [N, I] it adds `alpha / rank * dropout(x) @ a @ b`, with a [I, r] and b [r, O]. In the
    beginning b is 0, so nothing is added.

    Args:
        hidden_dim: Width D of the encoder layer's vectors.
        intermediate_dim: Width of its feed-forward network's inner layer.
        rank: Number r of columns of each `a` and rows of each `b`.
        targets: Names among those of `TARGETS`, each with a pair of its own.
        alpha: What is added is multiplied by `alpha / rank`.
        dropout: Dropped share of x on its way to `a` while training.

    Call arguments:
        inputs: What the dense sublayer takes [N, I].
        dense: Name of the sublayer; one that is adapted.

    Returns:
        What is to be added to the sublayer's outputs [N, O]: of query, key and value side by side, 0 where it is none
        of the targets.

    Raises:
        ValueError: If an argument is out of its range, or `rank` is more than `hidden_dim`.

    Reference: Hu et al., 2021 (https://arxiv.org/abs/2106.09685). `a` starts as in PEFT, uniform within the root of
    1 / I.
    """

    def __init__(self, hidden_dim, intermediate_dim, rank, targets, alpha, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_dim = check_positive_integer("hidden_dim", hidden_dim)
        self.intermediate_dim = check_positive_integer("intermediate_dim", intermediate_dim)
        self.rank = check_positive_integer("rank", rank)
        if self.rank > min(self.hidden_dim, self.intermediate_dim):
            raise ValueError(
                f"`rank` must be at most the layers' width, {min(self.hidden_dim, self.intermediate_dim)}: beyond it "
                f"there is nothing to save. Received: rank={rank}."
            )
        self.targets = check_targets(targets)
        self.alpha = check_positive_number("alpha", alpha)
        self.dropout = check_rate("dropout", dropout)
        self.adapted = tuple(dict.fromkeys(TARGETS[target][0] for target in self.targets))
        self.input_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, inputs_shape=None):
        uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        for target in self.targets:
            width = self.intermediate_dim if target == "feedforward_output" else self.hidden_dim
            units = self.intermediate_dim if target == "feedforward_intermediate" else self.hidden_dim
            pair = (
                self.add_weight(shape=(width, self.rank), initializer=uniform.clone(), name=f"{target}_a"),
                self.add_weight(shape=(self.rank, units), initializer="zeros", name=f"{target}_b"),
            )
            for letter, variable in zip("ab", pair, strict=True):
                setattr(self, f"{target}_{letter}", variable)

    def pair(self, target):
        """Name of a target -> its variables a [I, r] and b [r, O]."""
        return getattr(self, f"{target}_a"), getattr(self, f"{target}_b")

    def call(self, inputs, dense, training=None):
        a, b = self._factors(dense)
        return ops.matmul(ops.matmul(self.input_dropout(inputs, training=training), a), b)

    def _factors(self, dense):
        """Name of an adapted sublayer -> a [I, k·r] and b [k·r, O] of its k targets, whose product updates its kernel.

        Of query, key and value each has columns of its own: b has their blocks, and 0 elsewhere.
        """
        targets = [target for target in self.targets if TARGETS[target][0] == dense]
        pairs = [[ops.convert_to_tensor(variable) for variable in self.pair(target)] for target in targets]
        if dense == "query_key_value":
            for target, pair in zip(targets, pairs, strict=True):
                before = TARGETS[target][1] * self.hidden_dim
                pair[1] = ops.pad(pair[1], ((0, 0), (before, 2 * self.hidden_dim - before)))
        a, b = [ops.concatenate(parts, axis) for parts, axis in zip(zip(*pairs, strict=True), (1, 0), strict=True)]
        return a * (self.alpha / self.rank), b

    def update_of(self, dense):
        """Name of an adapted sublayer -> what its kernel becomes more by the adaptation, float32 [I, O]."""
        a, b = (keras.ops.convert_to_numpy(ops.cast(factor, "float32")) for factor in self._factors(dense))
        return a @ b

    def compute_output_spec(self, inputs, dense, training=None):
        widths = {"query_key_value": 3 * self.hidden_dim, "feedforward_intermediate": self.intermediate_dim}
        return keras.KerasTensor((*inputs.shape[:-1], widths.get(dense, self.hidden_dim)), dtype=self.compute_dtype)

    def settings(self):
        """-> the arguments that users choose, as a dict."""
        return {"rank": self.rank, "targets": list(self.targets), "alpha": self.alpha, "dropout": self.dropout}


class TakesLowRankUpdates:
    """Lets an encoder layer have `LowRankUpdates`, through saving, loading and cloning; mixed in before Keras's Layer.

    Attributes:
        lora: The `LowRankUpdates`; None for a layer without, as the layer itself sets it in the beginning: on torch a
            class's attribute would hide them.
    """

    def add_lora(self, rank, targets, alpha, dropout, trained=("lora",)):
        """Adds `LowRankUpdates`, and freezes the layer's other weights.

        Args:
            rank: As in `LowRankUpdates`, like the next three.
            targets: What is adapted.
            alpha: Times what is added.
            dropout: Of the updates' inputs.
            trained: Names of the sublayers that are to train; of a layer that isn't trainable none does.
        """
        updates = LowRankUpdates(
            self.hidden_dim,
            self.intermediate_dim,
            rank,
            targets,
            alpha,
            dropout,
            dtype=self.dtype_policy,
            name="lora",
        )
        self._tracker.unlock()  # Keras's own `enable_lora` does so too.
        self.lora, self._trained = updates, tuple(trained)
        if self.built:
            with self._open_name_scope():
                self.build_lora()
            self._tracker.lock()

    def build_lora(self):
        """Makes the weights, if there are updates; and freezes the others, once all are there."""
        if self.lora is None:
            return
        self.lora.build()
        for layer in self._flatten_layers(include_self=False, recursive=False):
            layer.trainable = self.trainable and layer.name in self._trained

    def dense(self, layer, inputs, training):
        """A dense sublayer, its inputs [N, I] -> its outputs [N, O], with what is added to them."""
        outputs = layer(inputs)
        if self.lora is None or layer.name not in self.lora.adapted:
            return outputs
        return outputs + self.lora(inputs, dense=layer.name, training=training)

    def merged_kernels(self):
        """-> {name of an adapted sublayer: its kernel with what is added, float32 [I, O]}."""
        if self.lora is None:
            return {}
        return {
            name: keras.ops.convert_to_numpy(getattr(self, name).kernel).astype(np.float32) + self.lora.update_of(name)
            for name in self.lora.adapted
        }

    def get_config(self):
        config = super().get_config()
        if self.lora is None:
            return config
        layers = self._flatten_layers(include_self=False, recursive=False)
        trained = [layer.name for layer in layers if layer.weights and layer.trainable] if self.built else self._trained
        return {**config, "lora": {**self.lora.settings(), "trained": [*trained]}}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        settings = config.pop("lora", None)
        made = super().from_config(config)
        if settings is not None:
            made.add_lora(**settings)
        return made
