"""One layer of the transformer encoder: self-attention, then feed-forward."""

import keras
from keras import ops

from keras_bert.layers.activations import activation_named
from keras_bert.layers.initializer import truncated_normal
from keras_bert.utils.checks import (
    check_divides,
    check_positive_integer,
    check_positive_number,
    check_rate,
    check_vectors,
)


@keras.saving.register_keras_serializable("keras_bert")
class TransformerEncoder(keras.layers.Layer):
    """Self-attention and a feed-forward network, each with a residual and a layer normalization after it.

    One mask serves ordinary and packed rows: two tokens see each other if and only if `padding_mask` has the same
    value, not 0, at both. Padding sees padding alone, so no row of the softmax is ever empty and no value is NaN.

    Args:
        hidden_dim: Width D of the vectors, in and out.
        num_heads: Number H of attention heads; divides `hidden_dim`.
        intermediate_dim: Width of the feed-forward network's inner layer.
        dropout: Dropped share of the attention's and the feed-forward's output while training.
        attention_dropout: Dropped share of the attention weights while training. At 0, and whenever not training,
            attention goes through `keras.ops.dot_product_attention`, which has fused kernels on JAX and torch.
        activation: `"gelu"` (exact), `"gelu_tanh"` or the name of another Keras activation.
        layer_norm_epsilon: Epsilon of both layer normalizations.
        initializer_range: Standard deviation of the truncated normal initializer.

    Call arguments:
        hidden_states: Vectors [B, T, D].
        padding_mask: Integers [B, T], or None for all 1: 0 for padding, k >= 1 for the k-th sequence of the row.

    Returns:
        Vectors [B, T, D].

    Raises:
        ValueError: If an argument is out of its range, or `hidden_states` isn't `hidden_dim` wide.

    Reference: Vaswani et al., 2017, section 3.1 (https://arxiv.org/abs/1706.03762).

    Example:
    >>> layer = TransformerEncoder(hidden_dim=12, num_heads=4, intermediate_dim=37)
    >>> tuple(layer(np.zeros((3, 7, 12)), padding_mask=np.ones((3, 7), "int32")).shape)
    (3, 7, 12)
    """

    def __init__(
        self,
        hidden_dim,
        num_heads,
        intermediate_dim,
        dropout=0.1,
        attention_dropout=0.1,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        initializer_range=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_dim = check_positive_integer("hidden_dim", hidden_dim)
        self.num_heads = check_positive_integer("num_heads", num_heads)
        check_divides("num_heads", self.num_heads, "hidden_dim", self.hidden_dim)
        self.intermediate_dim = check_positive_integer("intermediate_dim", intermediate_dim)
        self.dropout = check_rate("dropout", dropout)
        self.attention_dropout = check_rate("attention_dropout", attention_dropout)
        self.activation = activation
        self.layer_norm_epsilon = check_positive_number("layer_norm_epsilon", layer_norm_epsilon)
        self.initializer_range = check_positive_number("initializer_range", initializer_range)

        self.query_key_value = self._dense(3 * self.hidden_dim, "query_key_value")
        self.attention_weights_dropout = self._dropout(self.attention_dropout, "attention_weights_dropout")
        self.attention_output = self._dense(self.hidden_dim, "attention_output")
        self.attention_output_dropout = self._dropout(self.dropout, "attention_output_dropout")
        self.attention_layer_norm = self._layer_norm("attention_layer_norm")
        self.feedforward_intermediate = self._dense(self.intermediate_dim, "feedforward_intermediate")
        self.feedforward_activation = activation_named(activation)
        self.feedforward_output = self._dense(self.hidden_dim, "feedforward_output")
        self.feedforward_dropout = self._dropout(self.dropout, "feedforward_dropout")
        self.feedforward_layer_norm = self._layer_norm("feedforward_layer_norm")

    def _dense(self, units, name):
        """units, name -> a dense sublayer."""
        initializer = truncated_normal(self.initializer_range)
        return keras.layers.Dense(
            units, kernel_initializer=initializer, trainable=self.trainable, dtype=self.dtype_policy, name=name
        )

    def _dropout(self, rate, name):
        """rate, name -> a dropout sublayer."""
        return keras.layers.Dropout(rate, dtype=self.dtype_policy, name=name)

    def _layer_norm(self, name):
        """name -> a layer normalization sublayer."""
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, trainable=self.trainable, dtype=self.dtype_policy, name=name
        )

    def build(self, hidden_states_shape, padding_mask_shape=None):
        check_vectors("hidden_states", hidden_states_shape, self.hidden_dim)
        wide = (*hidden_states_shape[:-1], self.intermediate_dim)
        self.query_key_value.build(hidden_states_shape)
        self.attention_output.build(hidden_states_shape)
        self.attention_layer_norm.build(hidden_states_shape)
        self.feedforward_intermediate.build(hidden_states_shape)
        self.feedforward_output.build(wide)
        self.feedforward_layer_norm.build(hidden_states_shape)

    def call(self, hidden_states, padding_mask=None, training=None):
        attended = self.attention_output(self._self_attention(hidden_states, padding_mask, training))
        attended = self.attention_output_dropout(attended, training=training)
        hidden_states = self.attention_layer_norm(hidden_states + attended)

        transformed = self.feedforward_activation(self.feedforward_intermediate(hidden_states))
        transformed = self.feedforward_dropout(self.feedforward_output(transformed), training=training)
        return self.feedforward_layer_norm(hidden_states + transformed)

    def _self_attention(self, hidden_states, padding_mask, training):
        """hidden states [B, T, D], mask [B, T] -> what each token gathers from those it sees [B, T, D]."""
        length = ops.shape(hidden_states)[1]
        query, key, value = [
            ops.reshape(part, (-1, length, self.num_heads, self.hidden_dim // self.num_heads))
            for part in ops.split(self.query_key_value(hidden_states), 3, axis=-1)
        ]  # each [B, T, H, D / H]
        visible = None
        if padding_mask is not None:
            visible = padding_mask[:, None, :, None] == padding_mask[:, None, None, :]  # [B, 1, T, T]
        if training and self.attention_dropout:
            gathered = self._attention_with_dropout(query, key, value, visible)
        else:
            gathered = ops.dot_product_attention(query, key, value, mask=visible)  # [B, T, H, D / H]
        return ops.reshape(gathered, (-1, length, self.hidden_dim))

    def _attention_with_dropout(self, query, key, value, visible):
        """query, key, value [B, T, H, D / H], visible [B, 1, T, T] -> [B, T, H, D / H]; drops attention weights."""
        query = ops.transpose(query, (0, 2, 1, 3)) * (self.hidden_dim // self.num_heads) ** -0.5
        scores = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))  # [B, H, T, T]
        scores = ops.cast(scores, "float32")
        if visible is not None:
            scores = ops.where(visible, scores, -1e30)
        weights = ops.cast(ops.softmax(scores, axis=-1), self.compute_dtype)
        weights = self.attention_weights_dropout(weights, training=True)
        gathered = ops.matmul(weights, ops.transpose(value, (0, 2, 1, 3)))  # [B, H, T, D / H]
        return ops.transpose(gathered, (0, 2, 1, 3))

    def compute_output_shape(self, hidden_states_shape, padding_mask_shape=None):
        return hidden_states_shape

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_range": self.initializer_range,
        }
