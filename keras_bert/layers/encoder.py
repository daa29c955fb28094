"""One layer of the transformer encoder: self-attention, then feed-forward."""

import keras
from keras import ops

from keras_bert.layers.activations import activation_named
from keras_bert.layers.gathering import tokens_at, values_at
from keras_bert.layers.initializer import truncated_normal
from keras_bert.layers.lora import TakesLowRankUpdates
from keras_bert.layers.normalization import LayerNormalization
from keras_bert.layers.quantized import KeepsQuantization
from keras_bert.utils.checks import (
    check_divides,
    check_positive_integer,
    check_positive_number,
    check_rate,
    check_vectors,
)


@keras.saving.register_keras_serializable("keras_bert")
class TransformerEncoder(KeepsQuantization, TakesLowRankUpdates, keras.layers.Layer):
    """Self-attention and a feed-forward network, each with a residual and a layer normalization after it.

    One mask serves ordinary and packed rows: two tokens see each other if and only if `padding_mask` has the same
    value, not 0, at both. Padding sees padding alone, so no row of the softmax is ever empty and no value is NaN.

    Args:
        hidden_dim: Width D of the vectors, in and out.
        num_heads: Number H of attention heads; divides `hidden_dim`.
        intermediate_dim: Width of the feed-forward network's inner layer.
        dropout: Dropped share of the attention's and the feed-forward's output while training.
        attention_dropout: Dropped share of the attention weights while training. At 0, and whenever not training, JAX
            and torch compute attention by `keras.ops.dot_product_attention`, for which they have fused kernels.
        activation: `"gelu"` (exact), `"gelu_tanh"` or the name of another Keras activation.
        layer_norm_epsilon: Epsilon of both layer normalizations.
        initializer_range: Standard deviation of the truncated normal initializer.

    Call arguments:
        hidden_states: Vectors [B, T, D].
        padding_mask: Integers [B, T], or None for all 1: 0 for padding, k >= 1 for the k-th sequence of the row.
        positions: Integers [B, Q], the tokens whose vectors are wanted, or one integer, the same in every row: the
            layer does no more work than those need. None: all tokens.
        real_tokens: A `keras_bert.distribution.real_tokens.RealTokens` of the mask, by which attention alone works on
            padding. None: all parts do.

    Returns:
        Vectors [B, T, D]; [B, Q, D] at `positions`, NaN where one is outside of its row.

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
        self._register_call_context_args("real_tokens")  # a model hands it down
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
        self.lora = None

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
        return LayerNormalization(
            epsilon=self.layer_norm_epsilon, trainable=self.trainable, dtype=self.dtype_policy, name=name
        )

    def build(self, hidden_states_shape, padding_mask_shape=None, positions_shape=None):
        check_vectors("hidden_states", hidden_states_shape, self.hidden_dim)
        wide = (*hidden_states_shape[:-1], self.intermediate_dim)
        self.query_key_value.build(hidden_states_shape)
        self.attention_output.build(hidden_states_shape)
        self.attention_layer_norm.build(hidden_states_shape)
        self.feedforward_intermediate.build(hidden_states_shape)
        self.feedforward_output.build(wide)
        self.feedforward_layer_norm.build(hidden_states_shape)
        self.build_lora()

    def call(self, hidden_states, padding_mask=None, positions=None, training=None, real_tokens=None):
        # The mask is the same tensor in every layer, so a graph computes its shape once.
        batch, length = ops.shape(hidden_states if padding_mask is None else padding_mask)[:2]
        # Dense layers take flat tokens: on TensorFlow each is one product of matrices, with bias and activation in it.
        tokens = ops.reshape(hidden_states, (-1, self.hidden_dim))  # [B·T, D]
        tokens = tokens if real_tokens is None else real_tokens.out_of(tokens)  # [N, D]; N is B·T without them
        query_key_value = self.dense(self.query_key_value, tokens, training)
        if real_tokens is not None:
            query_key_value = real_tokens.spread(query_key_value)
        attended = self._self_attention(query_key_value, (batch, length), padding_mask, positions, training)
        if positions is not None:
            tokens = ops.reshape(tokens_at(hidden_states, positions), (-1, self.hidden_dim))  # [B·Q, D]
            length = 1 if isinstance(positions, int) else ops.shape(positions)[1]
        elif real_tokens is not None:
            attended = real_tokens.out_of(attended)

        attended = self.dense(self.attention_output, attended, training)
        tokens = self.attention_layer_norm(tokens + self.attention_output_dropout(attended, training=training))
        transformed = self.feedforward_activation(self.dense(self.feedforward_intermediate, tokens, training))
        transformed = self.dense(self.feedforward_output, transformed, training)
        transformed = self.feedforward_dropout(transformed, training=training)
        tokens = self.feedforward_layer_norm(tokens + transformed)
        if real_tokens is not None and positions is None:
            tokens = real_tokens.spread(tokens)
        return ops.reshape(tokens, (batch, length, self.hidden_dim))

    def _self_attention(self, query_key_value, shape, padding_mask, positions, training):
        """query, key and value [B·T, 3·D], B and T, mask [B, T], positions [B, Q] -> what the tokens there, or all,
        gather from those that they see [B·Q, D]."""
        heads = (self.num_heads, self.hidden_dim // self.num_heads)
        parts = ops.reshape(query_key_value, (*shape, 3, *heads))
        query = None
        if positions is not None:
            query = tokens_at(ops.reshape(query_key_value, (*shape, 3 * self.hidden_dim)), positions)
            query = ops.reshape(query[:, :, : self.hidden_dim], (*ops.shape(query)[:2], *heads))  # [B, Q, H, D / H]
        visible = None
        if padding_mask is not None:
            looking = padding_mask if positions is None else values_at(padding_mask, positions)
            visible = self._visible(looking, padding_mask)
        has_dropout = bool(training and self.attention_dropout)
        if has_dropout or keras.backend.backend() == "tensorflow":  # which has no fused kernel
            gathered = self._attention(parts, query, visible, has_dropout)
        else:
            all_queries, key, value = ops.unstack(parts, 3, axis=2)  # [B, T, H, D / H]
            gathered = ops.dot_product_attention(all_queries if query is None else query, key, value, mask=visible)
        return ops.reshape(gathered, (-1, self.hidden_dim))

    def _attention(self, parts, query, visible, has_dropout):
        """query, key and value [B, T, 3, H, D / H], query of some tokens or None, visible [B, 1, Q, T] ->
        [B, Q, H, D / H]."""
        all_queries, key, value = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)  # [B, H, T, D / H]
        query = all_queries if query is None else ops.transpose(query, (0, 2, 1, 3))
        weights = ops.cast(self._weights(query, key, visible), self.compute_dtype)
        if has_dropout:
            weights = self.attention_weights_dropout(weights, training=True)
        return ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))

    def _weights(self, query, key, visible):
        """query [B, H, Q, D / H], key [B, H, T, D / H], visible [B, 1, Q, T] or None -> how much each token takes of
        each other, float32 [B, H, Q, T]."""
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        scores = ops.cast(scores, "float32") * (self.hidden_dim // self.num_heads) ** -0.5
        if visible is not None:
            scores += ops.where(visible, 0.0, -1e30)
        return ops.softmax(scores, axis=-1)

    def _visible(self, looking, padding_mask):
        """the mask's values at some tokens [B, Q], the mask [B, T] -> which tokens they see, booleans [B, 1, Q, T]."""
        return ops.equal(ops.expand_dims(looking, (1, 3)), ops.expand_dims(padding_mask, (1, 2)))

    def attention_weights(self, hidden_states, padding_mask=None):
        """Gives how much of each token every token takes, as the layer weighs them when it isn't training.

        Args:
            hidden_states: Vectors [B, T, D]: what the layer is called with.
            padding_mask: Integers [B, T], or None, as in the call.

        Returns:
            float32 [B, H, T, T]: in each head, of each token (the third axis) the weights of all tokens, with sum 1.

        Example:
        >>> layer = TransformerEncoder(hidden_dim=12, num_heads=4, intermediate_dim=37)
        >>> layer.build((3, 7, 12))
        >>> tuple(layer.attention_weights(np.zeros((3, 7, 12), "float32")).shape)
        (3, 4, 7, 7)
        """
        batch, length = ops.shape(hidden_states)[:2]
        query_key_value = self.dense(
            self.query_key_value, ops.reshape(hidden_states, (-1, self.hidden_dim)), training=False
        )
        parts = ops.reshape(query_key_value, (batch, length, 3, self.num_heads, self.hidden_dim // self.num_heads))
        query, key, _ = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)  # [B, H, T, D / H]
        visible = None if padding_mask is None else self._visible(padding_mask, padding_mask)
        return self._weights(query, key, visible)

    def compute_output_spec(self, hidden_states, padding_mask=None, positions=None, training=None, real_tokens=None):
        batch, length, width = hidden_states.shape
        if positions is not None:
            length = 1 if isinstance(positions, int) else positions.shape[1]
        return keras.KerasTensor((batch, length, width), dtype=self.compute_dtype)

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
