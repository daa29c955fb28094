"""The input of BERT: token, position and segment embeddings, summed."""

import keras
from keras import ops

from keras_bert.layers.initializer import truncated_normal
from keras_bert.layers.inputs import OF_TOKENS, as_int32, check_inputs, too_long
from keras_bert.layers.normalization import LayerNormalization
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate


@keras.saving.register_keras_serializable("keras_bert")
class TokenAndPositionAndSegmentEmbedding(keras.layers.Layer):
    """Sums three learned embeddings, of tokens, positions and segments, then normalizes and drops.

    Positions are derived from the mask and restart with each sequence that is packed into a row, so several
    sequences in one row get the same vectors as each in a row of its own.

    Args:
        vocabulary_size: Number of tokens V.
        hidden_dim: Width D of the vectors.
        max_sequence_length: Number of learned positions: the most tokens that one sequence can have.
        num_segments: Number of learned segments (2: sentence A and sentence B).
        dropout: Dropped share of the output while training.
        layer_norm_epsilon: Epsilon of the layer normalization.
        initializer_range: Standard deviation of the truncated normal initializer.

    Call arguments:
        token_ids: Integers [B, T] in [0, V).
        segment_ids: Integers [B, T] in [0, num_segments), or None for all 0.
        padding_mask: Integers [B, T], or None for all 1: 0 for padding, k >= 1 for the k-th sequence of the row.
        table_only: If True, the output is the token embedding table [V, D] instead, to which `MLMHead` ties its
            output layer.

    Returns:
        Vectors [B, T, D].

    Raises:
        ValueError: If an argument is out of its range; if ids, segments or the mask are, where their values are known;
            or if a sequence is longer than `max_sequence_length`. In a graph and in compiled code that gives NaN, or
            TensorFlow's error on its CPU.

    Reference: Devlin et al., 2018, figure 2 (https://arxiv.org/abs/1810.04805).

    Example:
    >>> layer = TokenAndPositionAndSegmentEmbedding(vocabulary_size=29, hidden_dim=12, max_sequence_length=7)
    >>> token_ids = np.array([[2, 9, 4, 3], [2, 8, 3, 0]])
    >>> tuple(layer(token_ids, padding_mask=np.array([[1, 1, 1, 1], [1, 1, 1, 0]])).shape)
    (2, 4, 12)
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_sequence_length=512,
        num_segments=2,
        dropout=0.1,
        layer_norm_epsilon=1e-12,
        initializer_range=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = check_positive_integer("vocabulary_size", vocabulary_size)
        self.hidden_dim = check_positive_integer("hidden_dim", hidden_dim)
        self.max_sequence_length = check_positive_integer("max_sequence_length", max_sequence_length)
        self.num_segments = check_positive_integer("num_segments", num_segments)
        self.dropout = check_rate("dropout", dropout)
        self.layer_norm_epsilon = check_positive_number("layer_norm_epsilon", layer_norm_epsilon)
        self.initializer_range = check_positive_number("initializer_range", initializer_range)

        self.token_embedding = self._embedding(self.vocabulary_size, "token_embedding")
        self.position_embedding = self._embedding(self.max_sequence_length, "position_embedding")
        self.segment_embedding = self._embedding(self.num_segments, "segment_embedding")
        self.layer_norm = LayerNormalization(
            epsilon=self.layer_norm_epsilon, trainable=self.trainable, dtype=self.dtype_policy, name="layer_norm"
        )
        self.embedding_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")

    def _embedding(self, num_rows, name):
        """number of rows, name -> an embedding sublayer of width hidden_dim."""
        return _Table(
            num_rows,
            self.hidden_dim,
            embeddings_initializer=truncated_normal(self.initializer_range),
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, token_ids_shape, segment_ids_shape=None, padding_mask_shape=None):
        for layer in (self.token_embedding, self.position_embedding, self.segment_embedding):
            layer.build(token_ids_shape)
        self.layer_norm.build((*token_ids_shape, self.hidden_dim))

    def call(self, token_ids, segment_ids=None, padding_mask=None, table_only=False, training=None):
        if table_only:
            return ops.convert_to_tensor(self.token_embedding.embeddings)  # [V, D]
        inputs = dict(zip(OF_TOKENS, (token_ids, segment_ids, padding_mask), strict=True))
        check_inputs({name: value for name, value in inputs.items() if value is not None}, self)
        if padding_mask is None:
            self._check_length(token_ids.shape)
            padding_mask = ops.ones_like(token_ids)
        if segment_ids is None:
            segment_ids = ops.zeros_like(token_ids)
        token_ids, segment_ids, padding_mask = (as_int32(value) for value in (token_ids, segment_ids, padding_mask))
        positions = positions_in_sequence(padding_mask)  # [B, T]
        vectors = self.sums(token_ids, segment_ids, positions)
        # A look-up outside of its table finds another row of it, where it isn't an error: it must be NaN.
        wrong = ops.expand_dims(self._is_outside(token_ids, segment_ids, padding_mask, positions), -1)  # [B, T, 1]
        vectors += ops.where(wrong, ops.cast(float("nan"), vectors.dtype), ops.cast(0.0, vectors.dtype))
        return self.embedding_dropout(self.layer_norm(vectors), training=training)

    def sums(self, token_ids, segment_ids, positions):
        """Integers [B, T] -> the sums of their three vectors [B, T, D], which are normalized next."""
        return (
            self.token_embedding(token_ids) + self.position_embedding(positions) + self.segment_embedding(segment_ids)
        )

    def _is_outside(self, token_ids, segment_ids, padding_mask, positions):
        """Integers [B, T] -> booleans [B, T]: which tokens have no vector; all, if the shapes aren't equal."""
        shapes = [ops.shape(value) for value in (token_ids, segment_ids, padding_mask)]
        wrong = positions >= self.max_sequence_length
        for length, other in ((shapes[0][axis], shape[axis]) for shape in shapes[1:] for axis in (0, 1)):
            if length is not other:
                wrong = ops.logical_or(wrong, length != other)
        for value, limit in (
            (token_ids, self.vocabulary_size),
            (segment_ids, self.num_segments),
            (padding_mask, shapes[2][1] + 1),
        ):
            wrong = ops.logical_or(wrong, ops.logical_or(value < 0, value >= limit))
        return wrong

    def _check_length(self, shape):
        """shape [B, T] of rows that are one sequence each -> None; a `ValueError` if T is known and too long."""
        if shape[1] is not None and shape[1] > self.max_sequence_length:
            raise ValueError(too_long(0, shape[1], self.max_sequence_length))

    def compute_output_spec(self, token_ids, segment_ids=None, padding_mask=None, table_only=False, training=None):
        if padding_mask is None and not table_only:
            self._check_length(token_ids.shape)
        shape = (self.vocabulary_size,) if table_only else token_ids.shape
        dtype = self.variable_dtype if table_only else self.compute_dtype
        return keras.KerasTensor((*shape, self.hidden_dim), dtype=dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "max_sequence_length": self.max_sequence_length,
            "num_segments": self.num_segments,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_range": self.initializer_range,
        }


class _Table(keras.layers.Embedding):
    """An embedding whose gradient has one row for each of the table's, on TensorFlow too.

    There a look-up's gradient has a slice for each place that was looked up, and Keras's optimizers square the slices
    of a row, not their sum: they would train otherwise on one device than on several. And in mixed precision rows are
    cast once they are looked up, not the whole table.
    """

    def build(self, input_shape=None):
        super().build(input_shape)
        self._embeddings._autocast = False

    def call(self, inputs):
        table = ops.convert_to_tensor(self.embeddings)
        # The gradient of a reshape is never in slices; ahead, it costs nothing.
        vectors = ops.take(ops.reshape(table, table.shape), inputs, axis=0)
        return ops.cast(vectors, self.compute_dtype)


def positions_in_sequence(padding_mask):
    """Numbers the tokens of each packed sequence from 0: mask [B, T] -> positions [B, T], int32; 0 for padding.

    A token's position is the number of earlier tokens of its own sequence.
    """
    index = ops.arange(ops.shape(padding_mask)[1], dtype="int32")
    earlier = ops.greater(ops.expand_dims(index, 1), ops.expand_dims(index, 0))  # [T, T]
    same = ops.equal(ops.expand_dims(padding_mask, 2), ops.expand_dims(padding_mask, 1))  # [B, T, T]
    positions = ops.sum(ops.cast(ops.logical_and(same, earlier), "int32"), axis=-1)
    return ops.where(ops.cast(padding_mask, "bool"), positions, 0)
