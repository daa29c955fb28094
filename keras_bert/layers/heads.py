"""What stands on top of the encoder: the pooler and the heads of pretraining and fine-tuning."""

import keras
from keras import ops

from keras_bert.layers.activations import activation_named
from keras_bert.layers.gathering import flat, tokens_at
from keras_bert.layers.initializer import truncated_normal
from keras_bert.layers.normalization import LayerNormalization
from keras_bert.layers.quantized import KeepsQuantization
from keras_bert.utils.checks import (
    check_positive_integer,
    check_positive_number,
    check_rate,
    check_vectors,
)


@keras.saving.register_keras_serializable("keras_bert")
class Pooler(KeepsQuantization, keras.layers.Layer):
    """A dense layer with tanh on the vector of each sequence's first token, [CLS].

    Rows begin with that token, so they are padded at their end, never at their start.

    Args:
        hidden_dim: Width D of the vectors.
        initializer_range: Standard deviation of the truncated normal initializer.

    Call arguments:
        sequence_output: Vectors [B, T, D].
        first_only: If False, the input is nothing but first tokens, N of each packed row, and all are pooled.

    Returns:
        Vectors [B, D]; of N first tokens, [B, N, D].

    Raises:
        ValueError: If an argument is out of its range.

    Example:
    >>> pooler = Pooler(hidden_dim=12)
    >>> tuple(pooler(np.zeros((3, 7, 12))).shape)
    (3, 12)
    """

    def __init__(self, hidden_dim, initializer_range=0.02, **kwargs):
        super().__init__(**kwargs)
        self.hidden_dim = check_positive_integer("hidden_dim", hidden_dim)
        self.initializer_range = check_positive_number("initializer_range", initializer_range)
        self.dense = keras.layers.Dense(
            self.hidden_dim,
            activation="tanh",
            kernel_initializer=truncated_normal(self.initializer_range),
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name="dense",
        )

    def build(self, sequence_output_shape):
        check_vectors("sequence_output", sequence_output_shape, self.hidden_dim)
        self.dense.build((sequence_output_shape[0], self.hidden_dim))

    def call(self, sequence_output, first_only=True):
        return self.dense(sequence_output[:, 0]) if first_only else flat(self.dense, sequence_output)

    def compute_output_spec(self, sequence_output, first_only=True):
        batch, length, width = sequence_output.shape
        return keras.KerasTensor((batch, width) if first_only else (batch, length, width), dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "initializer_range": self.initializer_range,
        }


@keras.saving.register_keras_serializable("keras_bert")
class MLMHead(KeepsQuantization, keras.layers.Layer):
    """Logits over the vocabulary at the masked positions, tied to the token embedding.

    A dense layer, the activation, a layer normalization, then the product with the embedding table plus a bias.

    Args:
        vocabulary_size: Number of tokens V.
        hidden_dim: Width D of the vectors.
        activation: As in `TransformerEncoder`.
        layer_norm_epsilon: Epsilon of the layer normalization.
        initializer_range: Standard deviation of the truncated normal initializer.

    Call arguments:
        sequence_output: Vectors [B, T, D].
        mask_positions: Integers [B, M]: the tokens to give logits for; None: all of `sequence_output`.
        token_table: The token embedding table [V, D]: what `TokenAndPositionAndSegmentEmbedding` returns for
            `table_only=True`.

    Returns:
        Logits [B, M, V], float32.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Devlin et al., 2018, section 3.1, task 1 (https://arxiv.org/abs/1810.04805).

    Example:
    >>> head = MLMHead(vocabulary_size=29, hidden_dim=12)
    >>> tuple(head(np.zeros((3, 7, 12)), np.array([[1, 4], [2, 0], [5, 6]]), np.zeros((29, 12))).shape)
    (3, 2, 29)
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        initializer_range=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = check_positive_integer("vocabulary_size", vocabulary_size)
        self.hidden_dim = check_positive_integer("hidden_dim", hidden_dim)
        self.activation = activation
        self.layer_norm_epsilon = check_positive_number("layer_norm_epsilon", layer_norm_epsilon)
        self.initializer_range = check_positive_number("initializer_range", initializer_range)
        self.dense = keras.layers.Dense(
            self.hidden_dim,
            activation=activation_named(activation),
            kernel_initializer=truncated_normal(self.initializer_range),
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.layer_norm = LayerNormalization(
            epsilon=self.layer_norm_epsilon, trainable=self.trainable, dtype=self.dtype_policy, name="layer_norm"
        )

    def build(self, sequence_output_shape, mask_positions_shape=None, token_table_shape=None):
        check_vectors("sequence_output", sequence_output_shape, self.hidden_dim)
        if tuple(token_table_shape) != (self.vocabulary_size, self.hidden_dim):
            raise ValueError(
                f"`token_table` must have shape (vocabulary_size, hidden_dim) = "
                f"({self.vocabulary_size}, {self.hidden_dim}). Received: shape={tuple(token_table_shape)}."
            )
        self.dense.build((None, self.hidden_dim))
        self.layer_norm.build((None, self.hidden_dim))
        self.bias = self.add_weight(name="bias", shape=(self.vocabulary_size,), initializer="zeros")

    def call(self, sequence_output, mask_positions, token_table):
        vectors = sequence_output if mask_positions is None else tokens_at(sequence_output, mask_positions)
        return flat(lambda tokens: self._logits(tokens, token_table), vectors)

    def _logits(self, vectors, token_table):
        """vectors [B·M, D], table [V, D] -> logits [B·M, V]."""
        logits = ops.matmul(self.layer_norm(self.dense(vectors)), ops.transpose(token_table))
        return ops.cast(logits, "float32") + ops.cast(self.bias, "float32")

    def compute_output_spec(self, sequence_output, mask_positions, token_table):
        rows = sequence_output.shape[:2] if mask_positions is None else mask_positions.shape
        return keras.KerasTensor((*rows, self.vocabulary_size), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_range": self.initializer_range,
        }


@keras.saving.register_keras_serializable("keras_bert")
class ClassificationHead(KeepsQuantization, keras.layers.Layer):
    """Dropout and a dense layer to float32 logits, over the last dimension.

    Args:
        num_classes: Number C of logits.
        dropout: Dropped share of the input while training.
        initializer_range: Standard deviation of the truncated normal initializer.
        labels: The classes' names in the order of the logits, or None. They are kept with the model, so that what is
            saved, loaded and exported can answer by name.

    Call arguments:
        inputs: Vectors [..., D].

    Returns:
        Logits [..., C], float32.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
    >>> head = ClassificationHead(num_classes=2)
    >>> tuple(head(np.zeros((3, 12))).shape)
    (3, 2)
    """

    def __init__(self, num_classes, dropout=0.1, initializer_range=0.02, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = check_positive_integer("num_classes", num_classes)
        self.dropout = check_rate("dropout", dropout)
        self.initializer_range = check_positive_number("initializer_range", initializer_range)
        self.head_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")
        # The logits are few: in float32 they cost nothing, and a bfloat16 logit has only 8 significant bits.
        self.dense = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=truncated_normal(self.initializer_range),
            trainable=self.trainable,
            dtype="float32",
            name="dense",
        )

    def build(self, inputs_shape):
        if len(inputs_shape) < 2 or inputs_shape[-1] is None:
            raise ValueError(f"`inputs` must be vectors of a known width. Received: shape={tuple(inputs_shape)}.")
        self.dense.build(inputs_shape)

    def call(self, inputs, training=None):
        return flat(self.dense, self.head_dropout(inputs, training=training))

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor((*inputs.shape[:-1], self.num_classes), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "initializer_range": self.initializer_range,
        }


@keras.saving.register_keras_serializable("keras_bert")
class NSPHead(ClassificationHead):
    """Two logits for each pair of sentences: 0, B follows A; 1, B is from elsewhere.

    Args:
        initializer_range: Standard deviation of the truncated normal initializer.

    Call arguments:
        inputs: Pooled [CLS] vectors [..., D].

    Returns:
        Logits [..., 2], float32.

    Reference: Devlin et al., 2018, section 3.1, task 2 (https://arxiv.org/abs/1810.04805).

    Example:
    >>> tuple(NSPHead()(np.zeros((3, 5, 12))).shape)
    (3, 5, 2)
    """

    def __init__(self, initializer_range=0.02, **kwargs):
        super().__init__(num_classes=2, dropout=0.0, initializer_range=initializer_range, **kwargs)

    def get_config(self):
        config = super().get_config()
        return {key: value for key, value in config.items() if key not in ("num_classes", "dropout")}
